/** Peers in Python: where they are, or what is missing. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_DIR } from "../../test/samples.ts";
import { runProcess } from "./measure.ts";

/** The command of a Python with the packages of the peers. */
export function python(): string {
  return process.env["CARRYOVER_PYTHON"] ?? "python3";
}

/** The storage of the system that Carryover is compared with; it times itself. */
export const SEED_BASELINE: string =
  process.env["CARRYOVER_SEED_BASELINE"] ?? join(PROJECT_DIR, "..", "shared", "bench", "seed_baseline.py");

/** What is missing for a peer; `undefined` if it can run. */
export function missingFor(packages: readonly string[], script?: string): string | undefined {
  if (script !== undefined && !existsSync(script)) return "the script of the baseline (CARRYOVER_SEED_BASELINE)";
  try {
    const { stdout } = runProcess([python(), "-c", `${FIND}print(*find(${JSON.stringify(packages)}))`]);
    const missing = stdout.trim();
    return missing === "" ? undefined : `the Python packages ${missing.split(" ").join(", ")} (CARRYOVER_PYTHON)`;
  } catch {
    return "Python (CARRYOVER_PYTHON)";
  }
}

const FIND = `
import importlib.metadata as m
def find(names):
    for name in names:
        try: m.version(name)
        except m.PackageNotFoundError: yield name
`;

/** The versions of Python and of the available packages, in one line. */
export function pythonVersions(packages: readonly string[]): string {
  const program = `${FIND}
import platform
missing = set(find(${JSON.stringify(packages)}))
print("Python", platform.python_version(), *[f"{p} {m.version(p)}" for p in ${JSON.stringify(packages)} if p not in missing], sep=", ")`;
  try {
    return runProcess([python(), "-c", program]).stdout.trim().replace("Python, ", "Python ");
  } catch {
    return "no Python";
  }
}
