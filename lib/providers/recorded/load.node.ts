import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { resolve } from "node:path";
import type { CommandConfig, LlmConfig } from "../../config/config.ts";
import { CarryoverError, messageOf } from "../../errors.ts";
import { sha256OfBytes } from "../../util/sha256.ts";
import { parseTimeout } from "../../util/time.ts";
import { createRateLimiter } from "./rate-limit.ts";
import { commandVoteClient } from "./command.ts";
import type { VoteClient } from "./recorder.ts";
import { lineProgram } from "./program.node.ts";
import { readRegular } from "../../storage/fs.node.ts";

// What language models need is loaded only where a configuration asks for one.

/** Someone to ask, and SHA-256 of each file that the answers depend on, by its name in the configuration. */
export interface LoadedClient {
  readonly client: VoteClient;
  readonly files: Readonly<Record<string, string>>;
}

/**
 * Makes the client of a program. It is not started yet.
 *
 * @param options `baseDir`: where the program runs; arguments that are files there are part of an answer's key.
 */
export async function loadCommand(
  config: CommandConfig,
  options: { baseDir: string; onNote: (note: string) => void },
): Promise<LoadedClient> {
  const { name, command } = config;
  const files: Record<string, string> = {};
  for (const argument of command) {
    const path = resolve(options.baseDir, argument);
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) files[argument] = await sha256OfFile(path);
  }
  const program = lineProgram({
    name,
    command,
    cwd: options.baseDir,
    timeoutMs: timeoutOf(config),
    onNote: options.onNote,
  });
  const pace = createRateLimiter({ concurrency: config.max_concurrency, now: () => performance.now() });
  return { client: commandVoteClient({ name, command, files, program, pace }), files };
}

/**
 * Makes the client of a language model.
 *
 * @param options `baseDir`: where the path of a prompt starts.
 * @throws {CarryoverError} `NOT_FOUND` or `BAD_CONFIG` for the file of the prompt.
 */
export async function loadLlm(config: LlmConfig, options: { baseDir: string }): Promise<LoadedClient> {
  const [{ llmVoteClient }, { llmClient }, { checkTemplate, DEFAULT_PROMPT }] = await Promise.all([
    import("./llm.ts"),
    import("./llm-http.node.ts"),
    import("./prompt.ts"),
  ]);
  const { name, prompt_file: file, api, model, temperature, max_output_tokens, output } = config;
  const template = file === undefined ? DEFAULT_PROMPT : readPrompt(resolve(options.baseDir, file), name);
  if (file !== undefined) checkTemplate(template, file);
  const client = llmVoteClient({
    name,
    model: { api, model, temperature, max_output_tokens, output },
    template,
    mask: config.mask,
    ...llmClient(config),
    pace: createRateLimiter({
      concurrency: config.max_concurrency,
      perMinute: config.requests_per_minute,
      now: () => performance.now(),
    }),
    timeoutMs: timeoutOf(config),
    maxRetries: config.max_retries,
    pricePerMtok: config.price_per_mtok,
  });
  const sha256 = await sha256OfBytes(new TextEncoder().encode(template));
  return { client: client, files: { [file ?? "the built-in prompt"]: sha256 } };
}

function timeoutOf({ timeout }: { readonly timeout: string }): number {
  const ms = parseTimeout(timeout);
  if (ms === undefined) throw new RangeError(`"${timeout}" is no timeout`);
  return ms;
}

function readPrompt(path: string, provider: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readRegular(path));
  } catch (cause) {
    throw new CarryoverError(
      "NOT_FOUND",
      `Cannot load provider "${provider}": found ${messageOf(cause)}, expected the text that its "prompt_file" names`,
      { cause },
    );
  }
}

/** A program's files may be large: a model, say. */
async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}
