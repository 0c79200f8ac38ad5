import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Provider } from "./provider.ts";
import { unlessAborted } from "../util/async.ts";
import type { CommandConfig, LlmConfig, ProviderConfig } from "../config/config.ts";
import { CarryoverError, messageOf } from "../errors.ts";
import { isRecord } from "../util/json.ts";
import { sha256OfBytes } from "../util/sha256.ts";
import type { AnswerStore } from "./recorded/recordings.ts";
import { breakout, reversion, trend } from "./rules.ts";
import type { Recorder } from "./recorded/recorder.ts";
import { votesFile, parseVotesCsv, type FileVotes } from "./votes-file.ts";
import { similarTrades } from "./similar-trades.ts";
import { loadCommand, loadLlm } from "./recorded/load.node.ts";
import { readRegular } from "../storage/fs.node.ts";

const BUILT_IN = { trend, reversion, breakout, memory: similarTrades } as const;

/** Assets of a file that a message names. */
const MAX_NAMES = 5;

/** The ensemble that a configuration names. */
export interface LoadedProviders {
  readonly providers: readonly Provider[];
  /** SHA-256 of each file that was read, by its path in the configuration: a part of the run key. */
  readonly files: Readonly<Record<string, string>>;
  /** By name, how often a provider's answers were wanted anew, where they were: a part of the run key. */
  readonly refreshes: Readonly<Record<string, number>>;
}

/** What providers need whose answers are recorded. */
export interface RecordingContext {
  readonly store: AnswerStore;
  readonly recorder: Recorder;
  /** Providers that are asked anew, under the next number, which is theirs from the first answer on. @default none */
  readonly refresh?: readonly string[] | undefined;
  readonly onNote: (note: string) => void;
}

/** Whether a provider's answers are recorded, since they cost money or cannot be repeated. */
export function isRecorded(config: ProviderConfig): config is CommandConfig | LlmConfig {
  return config.type === "command" || config.type === "llm";
}

/**
 * Makes the providers of a configuration, with their files.
 *
 * @param options `baseDir`: the folder that paths in the configuration start from; `changeVotes`: puts other votes in the place of
 * those of a file; `signal`: stops the wait for a module that never finishes loading; `recording`: needed for the types `llm` and `command`; `assets`: those that a file of votes should be about, `onNote`
 * is told which of them it has no vote for.
 * @throws {CarryoverError} `NOT_FOUND` for a file that is not there, `BAD_DATA` for malformed votes, `BAD_CONFIG` for a
 * module that is no provider, or a prompt that is none.
 */
export async function loadProviders(
  configs: readonly ProviderConfig[],
  options: {
    baseDir: string;
    changeVotes?: (votes: FileVotes) => FileVotes;
    signal?: AbortSignal | undefined;
    recording?: RecordingContext | undefined;
    assets?: readonly string[];
    onNote?: (note: string) => void;
  },
): Promise<LoadedProviders> {
  const providers: Provider[] = [];
  const files: Record<string, string> = {};
  const refreshes = new Map<string, number>();
  for (const config of configs) {
    if (isRecorded(config)) {
      const { recording, baseDir } = options;
      if (recording === undefined)
        throw new RangeError(`Cannot load "${config.name}": found nowhere to record its answers`);
      const around = { baseDir, onNote: recording.onNote };
      const loaded = await (config.type === "llm" ? loadLlm(config, around) : loadCommand(config, around));
      Object.assign(files, loaded.files);
      const isNew = recording.refresh?.includes(config.name) === true;
      const refresh = (await recording.store.refreshOf(config.name)) + (isNew ? 1 : 0);
      if (refresh > 0) refreshes.set(config.name, refresh);
      providers.push(recording.recorder.provider(loaded.client, refresh));
      continue;
    }
    if (!("path" in config)) {
      providers.push(BUILT_IN[config.type](config.name));
      continue;
    }
    const path = resolve(options.baseDir, config.path);
    const bytes = readFile(path, config.name);
    files[config.path] = await sha256OfBytes(bytes);
    if (config.type === "file") {
      const votes = parseVotesCsv(bytes, { file: path });
      const silent = options.assets?.filter((asset) => !votes.has(asset)) ?? [];
      if (silent.length > 0) {
        const known = [...votes.keys()].slice(0, MAX_NAMES).join(", ") + (votes.size > MAX_NAMES ? ", ..." : "");
        options.onNote?.(
          `Provider "${config.name}" abstains for ${silent.join(", ")}: "${path}" has votes for ${known} only`,
        );
      }
      providers.push(votesFile(options.changeVotes?.(votes) ?? votes, config.name));
    } else providers.push(await importProvider(path, { name: config.name, signal: options.signal }));
  }
  // Own keys even of "__proto__", which is a provider's name like any other.
  return { providers, files, refreshes: Object.fromEntries(refreshes) };
}

function readFile(path: string, provider: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(readRegular(path));
  } catch (cause) {
    throw new CarryoverError(
      "NOT_FOUND",
      `Cannot load provider "${provider}": found ${messageOf(cause)}, expected the file that its "path" names`,
      { cause },
    );
  }
}

/** A module exports `vote(situation, context)`. */
async function importProvider(
  path: string,
  { name, signal }: { name: string; signal: AbortSignal | undefined },
): Promise<Provider> {
  const refuse = (found: string, cause?: unknown): CarryoverError =>
    new CarryoverError(
      "BAD_CONFIG",
      `Cannot load provider "${name}" from "${path}": found ${found}, expected an exported function "vote"`,
      { cause },
    );
  let loaded: { readonly vote?: unknown };
  try {
    loaded = (await unlessAborted(import(pathToFileURL(path).href), signal)) as { readonly vote?: unknown };
  } catch (cause) {
    signal?.throwIfAborted();
    // Of a file that does not parse, Bun throws one problem, or an AggregateError whose own message only counts them.
    const problems: readonly unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
    const more = problems.length > 1 ? `, and ${problems.length - 1} more` : "";
    throw refuse(`an error while it loads (${loadingProblem(problems[0], path)}${more})`, problems[0]);
  }
  const { vote } = loaded;
  if (typeof vote !== "function") throw refuse(`${typeof vote} as "vote"`);
  return { name, vote: (situation, context) => vote(situation, context) };
}

/** What an import says, with the place that a `BuildMessage` of Bun has, and its file where that is another one. */
function loadingProblem(problem: unknown, path: string): string {
  const position = problem instanceof Error && "position" in problem ? problem.position : undefined;
  if (!isRecord(position)) return messageOf(problem);
  const { file, line, column } = position;
  const place = `line ${String(line)}, column ${String(column)}`;
  return `${file === path ? "" : `"${String(file)}", `}${place}: ${messageOf(problem)}`;
}
