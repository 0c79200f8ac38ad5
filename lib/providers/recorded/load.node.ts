import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { CommandConfig, LlmConfig } from "../../config/config.ts";
import { CarryoverError, fail, messageOf } from "../../errors.ts";
import { readRegular } from "../../storage/fs.node.ts";
import { sha256OfBytes } from "../../util/sha256.ts";
import { withoutControls } from "../../util/controls.ts";
import { parseTimeout } from "../../util/time.ts";
import type { VoteClient } from "./client.ts";
import { CommandClient } from "./command.ts";
import type { Fetch } from "./guarded-fetch.ts";
import { LineProgram } from "./line-program.ts";
import { programEnvironment, secretIn } from "./environment.node.ts";
import { startProgram } from "./program.node.ts";
import type { Secrets } from "./redact.ts";

/** A client, and SHA-256 of each file that its answers depend on, by its name in the configuration. */
interface LoadedClient {
  readonly client: VoteClient;
  readonly files: Readonly<Record<string, string>>;
}

/** What clients are loaded with. */
interface LoadClientOptions {
  /** The folder where programs run and paths start. */
  readonly baseDir: string;
  readonly onNote: (note: string) => void;
  /** What no text may show. */
  readonly secrets: Secrets;
}

/**
 * Makes the client of a program or a language model. Nothing is started or sent yet.
 *
 * @throws {CarryoverError} `NOT_FOUND` or `BAD_CONFIG` for a prompt's file.
 */
export function loadClient(config: CommandConfig | LlmConfig, options: LoadClientOptions): Promise<LoadedClient> {
  return config.type === "command" ? loadCommand(config, options) : loadLlm(config, options);
}

/** Characters of a program's last line on stderr that a message shows. */
const MAX_WORDS = 200;

async function loadCommand(
  config: CommandConfig,
  { baseDir, onNote, secrets }: LoadClientOptions,
): Promise<LoadedClient> {
  const { name, command } = config;
  const files: Record<string, string> = {};
  for (const argument of command) {
    const path = resolve(baseDir, argument);
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) files[argument] = await sha256OfFile(path);
  }
  const hide = (text: string): string => secrets.hide(text);
  let lastWords = "";
  const noteHidden = (text: string): void => onNote(withoutControls(hide(text)));
  const onStderr = (text: string): void => {
    if (text.trim() !== "") lastWords = withoutControls(hide(text)).trim().slice(0, MAX_WORDS);
    noteHidden(text);
  };
  const program = new LineProgram({
    name,
    start: (events) => startProgram({ config, cwd: baseDir, env: programEnvironment(config), onStderr }, events),
    // The schema of the configuration has checked it.
    timeoutMs: parseTimeout(config.timeout)!,
    onNote: noteHidden,
    lastWords: () => lastWords,
  });
  return { client: new CommandClient(config, { program, files, hide, now: () => performance.now() }), files };
}

async function loadLlm(config: LlmConfig, { baseDir, onNote, secrets }: LoadClientOptions): Promise<LoadedClient> {
  // Loaded only here, so that a run without language models starts faster.
  const [{ LlmClient }, { llmHttp }, { checkTemplate, DEFAULT_PROMPT }] = await Promise.all([
    import("./llm.ts"),
    import("./llm-http.ts"),
    import("./prompt.ts"),
  ]);
  const { name, prompt_file: file } = config;
  const template = file === undefined ? DEFAULT_PROMPT : readPrompt(resolve(baseDir, file), name);
  if (file !== undefined) checkTemplate(template, file);
  const { api_key_env: variable } = config;
  const readSecret = (from: string): string => secretIn(from, name);
  const connection = llmHttp(config, {
    fetch: verifiedFetch,
    key: () => (variable === undefined ? undefined : readSecret(variable)),
    readSecret,
    secrets,
    importPackage: (from) => importPackage(from, baseDir),
    now: () => Date.now(),
  });
  const client = new LlmClient(config, { connection, template, now: () => performance.now(), onNote });
  const sha256 = await sha256OfBytes(new TextEncoder().encode(template));
  return { client, files: { [file ?? "the built-in prompt"]: sha256 } };
}

/** `fetch` that always checks certificates, although NODE_TLS_REJECT_UNAUTHORIZED may say not to. */
const verifiedFetch: Fetch = (input, init) => {
  // Only Bun knows the setting, and only its types.
  const verified: RequestInit & { tls: object } = { ...init, tls: { rejectUnauthorized: true } };
  return fetch(input, verified);
};

/** Imports a package that is installed beside the configuration, or with Carryover. */
async function importPackage(name: string, baseDir: string): Promise<unknown> {
  let path: string;
  try {
    path = createRequire(join(baseDir, "config.yaml")).resolve(name);
  } catch {
    return import(name);
  }
  return import(pathToFileURL(path).href);
}

/** No model reads more. */
const MAX_PROMPT_BYTES = 1 << 22;

function readPrompt(path: string, provider: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readRegular(path, { maxBytes: MAX_PROMPT_BYTES }));
  } catch (cause) {
    if (cause instanceof CarryoverError) throw cause;
    throw fail("NOT_FOUND", `Cannot load provider "${provider}"`, {
      found: messageOf(cause),
      expected: 'the text that its "prompt_file" names',
      cause,
    });
  }
}

/** Hashes a file piece by piece: a program's file may be a large model. */
async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}
