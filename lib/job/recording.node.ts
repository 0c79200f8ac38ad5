import { resolve } from "node:path";
import type { CommandConfig, LlmConfig, ProviderConfig } from "../config/config.ts";
import { parseProvider } from "../config/parse.ts";
import { loadProviders } from "../providers/load.node.ts";
import type { Provider } from "../providers/provider.ts";
import { loadAi } from "../providers/recorded/llm-http.ts";
import type { SharedAnswers } from "../providers/recorded/question-claims.ts";
import { type RecordAnswersOptions, recordAnswers, type Recording } from "../providers/recorded/recording.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { assertWritable, settleLeftovers } from "../storage/fs.node.ts";
import { providerVersion } from "./key.ts";

export interface RecordingOptions extends Omit<RecordAnswersOptions, "now" | "claims" | "assertCanRecord"> {
  /** The folder. It may be shared by several processes. */
  readonly answersDir: string;
  /** Where other machines have their answers from as well. @default the folder is all there is */
  readonly shared?: SharedAnswers | undefined;
}

/**
 * Opens a folder of recorded answers for `llmProvider()` and `commandProvider()`. Every question is asked once: its answer
 * is recorded, and used from then on.
 *
 * @throws {RangeError} For an option that there is not.
 */
export function openRecording({ answersDir, shared, ...options }: RecordingOptions): Recording {
  const dir = resolve(answersDir);
  if (options.mode !== "dry-run") settleLeftovers(dir);
  const disk = diskStorage(dir);
  return recordAnswers(shared?.over(disk) ?? disk, {
    ...options,
    claims: shared,
    now: () => Date.now(),
    assertCanRecord: () => assertWritable(dir),
  });
}

/** A language model as config.yaml describes it; all but its name and what it is called have defaults. */
export type LlmProviderOptions = Pick<LlmConfig, "name" | "model"> & Partial<Omit<LlmConfig, "type">>;

/**
 * A provider that asks a language model.
 *
 * @throws {CarryoverError} `BAD_CONFIG` for a wrong or missing option; `NOT_FOUND` or `BAD_CONFIG` for the file of a prompt;
 * `NOT_FOUND` if the package `ai` is not installed, unless the recording is offline.
 *
 * @example
 * ```ts
 * const recording = openRecording({ answersDir: "data/answers", budgetUsd: 5 });
 * const llama = await llmProvider({ name: "llama", model: "llama3.2", base_url: "http://localhost:11434/v1" }, recording);
 * const { summary } = await backtest({ bars, memory, providers: [trend(), llama], onStart: recording.begin });
 * await recording.close();
 * ```
 */
export async function llmProvider(options: LlmProviderOptions, recording: Recording): Promise<Provider> {
  // Of the type that it was given.
  const config = (await parseProvider({ ...options, type: "llm" })) as LlmConfig;
  // Now rather than in the middle of a run.
  if (recording.isAsking) await loadAi(config);
  return loadProvider(config, recording);
}

/** A program as config.yaml describes it. */
export type CommandProviderOptions = Pick<CommandConfig, "name" | "command"> & Partial<Omit<CommandConfig, "type">>;

/**
 * A provider that asks a program of yours, which runs in the current folder (docs/PROVIDERS.md).
 *
 * @throws {CarryoverError} `BAD_CONFIG` for a wrong or missing option.
 */
export async function commandProvider(options: CommandProviderOptions, recording: Recording): Promise<Provider> {
  return loadProvider(await parseProvider({ ...options, type: "command" }), recording);
}

async function loadProvider(config: ProviderConfig, recording: Recording): Promise<Provider> {
  const { providers, files, refreshes } = await loadProviders([config], { baseDir: process.cwd(), recording });
  const refresh = refreshes[config.name] ?? 0;
  return { ...providers[0]!, version: providerVersion(config, { refresh, files }) };
}
