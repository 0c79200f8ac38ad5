import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import {
  type CommandConfig,
  isRecorded,
  type LlmConfig,
  type ModuleConfig,
  type ProviderConfig,
  type VotesFileConfig,
} from "../config/config.ts";
import { CarryoverError, fail, messageOf } from "../errors.ts";
import { readRegular } from "../storage/fs.node.ts";
import { unlessAborted } from "../util/async.ts";
import { isRecord } from "../util/json.ts";
import { msOfTimeframe } from "../util/time.ts";
import { sha256OfBytes } from "../util/sha256.ts";
import { plainSymbol } from "../market/formats/symbols.ts";
import type { Answer, BarSeries } from "../types.ts";
import { PROVIDER_BARS } from "../settings.ts";
import { watchFirstAnswers } from "./first-answers.ts";
import type { Provider } from "./provider.ts";
import { besideModule, filesImportedBy } from "./module-imports.node.ts";
import { withHiddenSecrets } from "./hidden-secrets.ts";
import { environmentSecrets, missingFor } from "./recorded/environment.node.ts";
import { recordedProvider, type RecordingContext } from "./recorded/recording.ts";
import type { Secrets } from "./recorded/redact.ts";
import { breakout, reversion, trend } from "./rules.ts";
import { similarTrades } from "./similar-trades.ts";
import { MAX_VOTES_BYTES, parseVotes } from "./read-votes.ts";
import { withWaitNotes } from "./wait-notes.ts";
import { assertBarsOfRun, type FileVotes, knownAtClose, votesFile } from "./votes-file.ts";

const BUILT_IN = { trend, reversion, breakout, memory: similarTrades } as const;

/** Maximum assets of a file that a note names. */
const MAX_NAMES = 5;

export interface LoadedProviders {
  readonly providers: readonly Provider[];
  /** The votes of each provider of the type `file`, by the time from which they count. */
  readonly votes: ReadonlyMap<string, FileVotes>;
  /** SHA-256 of each file that was read, by its path in the configuration. Part of the run key. */
  readonly files: Readonly<Record<string, string>>;
  /** By provider, how often its questions have been asked again, if ever. Part of the run key. */
  readonly refreshes: Readonly<Record<string, number>>;
}

interface LoadProvidersOptions {
  /** The folder where paths in the configuration start. */
  readonly baseDir: string;
  /** Replaces the votes of files. */
  readonly changeVotes?: (votes: FileVotes) => FileVotes;
  /** Ends the wait for a module that never finishes loading. */
  readonly signal?: AbortSignal | undefined;
  /** Needed for the types `llm` and `command`. */
  readonly recording?: RecordingContext | undefined;
  /** The bars of each asset that a file of votes should cover. `onNote` names the others. */
  readonly series?: ReadonlyMap<string, BarSeries>;
  /** As in `VotesFileOptions`. */
  readonly closeOnHold?: boolean | undefined;
  readonly onNote?: (note: string) => void;
}

/**
 * Makes the providers of a configuration and reads their files.
 *
 * @throws {CarryoverError} `NOT_FOUND` for a missing file, `BAD_DATA` for malformed votes, `BAD_CONFIG` for a module without a
 * vote function or an unusable prompt.
 */
export async function loadProviders(
  configs: readonly ProviderConfig[],
  options: LoadProvidersOptions,
): Promise<LoadedProviders> {
  const providers: Provider[] = [];
  const votes = new Map<string, FileVotes>();
  const files: Record<string, string> = {};
  const refreshes = new Map<string, number>();
  const secrets = environmentSecrets(configs);
  assertNothingMissing(configs, options);
  for (const config of configs) {
    if (isRecorded(config)) {
      const loaded = await loadRecorded(config, { ...options, secrets });
      Object.assign(files, loaded.files);
      if (loaded.refresh > 0) refreshes.set(config.name, loaded.refresh);
      providers.push(loaded.provider);
    } else if ("path" in config) {
      const { path, bytes } = readProviderFile(config, options);
      files[config.path] = await sha256OfBytes(bytes);
      if (config.type === "file") {
        const ofFile = await loadVotes(bytes, config, { ...options, path });
        if (configs.length > 1 && options.closeOnHold === true)
          flatNotes(config.name, ofFile).forEach((note) => options.onNote?.(note));
        votes.set(config.name, ofFile);
        providers.push(votesFile(ofFile, config.name));
      } else {
        for (const [file, imported] of filesImportedBy(path, bytes))
          files[besideModule(config.path, file)] = await sha256OfBytes(imported);
        providers.push(await importProvider(path, config, { ...options, secrets }));
      }
    } else providers.push(BUILT_IN[config.type](config.name));
  }
  // fromEntries makes an own key even of "__proto__", which may be a provider's name.
  return { providers, votes, files, refreshes: Object.fromEntries(refreshes) };
}

async function loadRecorded(
  config: CommandConfig | LlmConfig,
  { baseDir, recording, secrets }: LoadProvidersOptions & { secrets: Secrets },
): Promise<{ provider: Provider; files: Readonly<Record<string, string>>; refresh: number }> {
  const { name } = config;
  if (recording === undefined) throw new RangeError(`Cannot load "${name}": found nowhere to record its answers`);
  // With what programs and models need, which takes a run of rules a tenth of its start.
  const { loadClient } = await import("./recorded/load.node.ts");
  const { client, files } = await loadClient(config, { baseDir, secrets, onNote: recording.onNote });
  const { provider, refresh } = await recordedProvider(config, client, recording);
  if (config.type === "llm") return { provider, files, refresh };
  const { confidence_scale: confidenceScale } = config;
  return { provider: watchFirstAnswers(provider, { confidenceScale, stopsOnError: false }), files, refresh };
}

/** @throws {CarryoverError} `NOT_FOUND`, with a line for each key or program that is missing. */
function assertNothingMissing(configs: readonly ProviderConfig[], { baseDir, recording }: LoadProvidersOptions): void {
  if (recording?.isAsking !== true) return;
  const missing = configs.filter(isRecorded).flatMap((config) => missingFor(config, { baseDir }));
  if (missing.length === 0) return;
  throw new CarryoverError("NOT_FOUND", [...new Set(missing.map(({ message }) => message))].join("\n"));
}

/** Reads the file of a provider. @throws {CarryoverError} `NOT_FOUND`, `BAD_DATA` if it is too large. */
export function readProviderFile(
  { name, path: written }: VotesFileConfig | ModuleConfig,
  { baseDir }: Pick<LoadProvidersOptions, "baseDir">,
): { readonly path: string; readonly bytes: Uint8Array<ArrayBuffer> } {
  const path = resolve(baseDir, written);
  try {
    return { path, bytes: new Uint8Array(readRegular(path, { maxBytes: MAX_VOTES_BYTES })) };
  } catch (cause) {
    if (cause instanceof CarryoverError) throw cause;
    throw fail("NOT_FOUND", `Cannot load provider "${name}"`, {
      found: messageOf(cause),
      expected: 'the file that its "path" names',
      cause,
    });
  }
}

/**
 * The votes that a file has, by the times that it states.
 *
 * @param options `path`: names the file in messages; `assets`, `timeframeMs`: of the run.
 * @throws {CarryoverError} `BAD_DATA`
 */
export async function votesIn(
  bytes: Uint8Array<ArrayBuffer>,
  { name, column, stamp, bar, timezone, confidence_scale: confidenceScale }: VotesFileConfig,
  options: {
    path: string;
    assets: readonly string[];
    timeframeMs: number | undefined;
    closeOnHold?: boolean | undefined;
    onNote?: ((note: string) => void) | undefined;
  },
): Promise<FileVotes> {
  const { path: file, assets, timeframeMs, closeOnHold, onNote } = options;
  const votes = await parseVotes(bytes, {
    file,
    column,
    confidenceScale,
    stamp,
    timezone,
    assets,
    closeOnHold,
    onNote: (note) => onNote?.(`"${file}" of provider "${name}" ${note}`),
  });
  if (stamp === "bar_start" && bar === undefined && timeframeMs !== undefined) {
    assertBarsOfRun(votes, { file, assets, timeframeMs });
  }
  return votes;
}

/** Says that a file of positions votes against trading where it is flat, which others of an ensemble may not outweigh. */
function flatNotes(name: string, votes: FileVotes): readonly string[] {
  const flat = [...votes.values()]
    .flat()
    .find(({ answer: { action, confidence } }) => action === "HOLD" && confidence > 0);
  if (flat === undefined) return [];
  return [
    `Where "${name}" is flat, it votes HOLD with confidence ${flat.answer.confidence}, which is a vote against the trades of the others. With confidence 0 ` +
      "it has no say (docs/PROVIDERS.md)",
  ];
}

async function loadVotes(
  bytes: Uint8Array<ArrayBuffer>,
  config: VotesFileConfig,
  options: LoadProvidersOptions & { path: string },
): Promise<FileVotes> {
  const { series = new Map<string, BarSeries>(), closeOnHold, changeVotes, onNote, path } = options;
  const { name, stamp, bar } = config;
  const [first] = series.values();
  const ofRun = { assets: [...series.keys()], timeframeMs: first?.timeframeMs };
  const written = await votesIn(bytes, config, { path, ...ofRun, closeOnHold, onNote });
  const votes =
    stamp === "bar_start" ? knownAtClose(written, series, bar === undefined ? undefined : msOfTimeframe(bar)) : written;
  const uncovered = [...series.keys()].filter((asset) => !written.has(asset));
  if (uncovered.length > 0) {
    const covered = [...written.keys()].slice(0, MAX_NAMES).join(", ") + (written.size > MAX_NAMES ? ", ..." : "");
    const otherForms = uncovered.flatMap((asset) => {
      // TradingView writes BITSTAMP:BTCUSD.
      const other = [...written.keys()].find((each) =>
        [each, each.replace(/^\w+:/, "")].some((form) => plainSymbol(form) === plainSymbol(asset)),
      );
      return other === undefined ? [] : [`; it has to say "${asset}" in place of "${other}"`];
    });
    onNote?.(
      `Provider "${name}" abstains for ${uncovered.join(", ")}: "${path}" has votes for ${covered} only${otherForms.join("")}`,
    );
  }
  return changeVotes?.(votes) ?? votes;
}

/** Imports a module that exports `vote(situation, context, params)`. */
async function importProvider(
  path: string,
  config: ModuleConfig,
  { signal, secrets, onNote = () => {} }: Pick<LoadProvidersOptions, "signal" | "onNote"> & { secrets: Secrets },
): Promise<Provider> {
  const { name, bars = PROVIDER_BARS.default, confidence_scale: confidenceScale, on_error: onError } = config;
  const params = structuredClone(config.params ?? {});
  paramsNotes(name, params, bars).forEach((note) => onNote(note));
  const refusal = (found: string, cause?: unknown): CarryoverError =>
    fail("BAD_CONFIG", `Cannot load provider "${name}" from "${path}"`, {
      found,
      expected: 'an exported function "vote"',
      cause,
    });
  let loaded: { readonly vote?: unknown; readonly default?: unknown };
  try {
    loaded = (await unlessAborted(import(pathToFileURL(path).href), signal)) as typeof loaded;
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof Error && "code" in cause && cause.code === "ERR_UNKNOWN_FILE_EXTENSION") {
      const found = `TypeScript, which Node ${process.versions.node} does not run`;
      const expected = "Node 22.18 or newer, Bun, or a module in JavaScript";
      throw fail("BAD_CONFIG", `Cannot load provider "${name}" from "${path}"`, { found, expected, cause });
    }
    // For a file that does not parse, Bun throws one problem, or an AggregateError whose message only counts them.
    const problems: readonly unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
    const more = problems.length > 1 ? `, and ${problems.length - 1} more` : "";
    throw refusal(`an error while it loads (${loadingProblem(problems[0], path)}${more})`, problems[0]);
  }
  const { vote } = loaded;
  if (typeof vote !== "function")
    throw refusal(
      vote === undefined && loaded.default !== undefined ? "a default export alone" : `${typeof vote} as "vote"`,
    );
  const provider = withHiddenSecrets(
    { name, bars, vote: (situation, context) => vote(situation, context, params) as Answer | Promise<Answer> },
    { hide: (text) => secrets.hide(text) },
  );
  const watched = watchFirstAnswers(provider, { confidenceScale, stopsOnError: onError !== "abstain" });
  return withWaitNotes(watched, { onNote, signal });
}

/** Says that a whole number among the parameters is more than the bars that a module gets: means over missing bars are NaN, or shorter. */
function paramsNotes(name: string, params: Readonly<Record<string, unknown>>, bars: number): readonly string[] {
  return Object.entries(params).flatMap(([key, value]) =>
    Number.isInteger(value) && Number(value) > bars && Number(value) <= PROVIDER_BARS.max
      ? `"${name}" has params.${key} ${String(value)}, and context.bars the last ${bars} bars: \`bars: ${String(value)}\` asks for more, if it looks back so far`
      : [],
  );
}

/** The message of a failed import, with the place that Bun's `BuildMessage` has, and the file if it is another one. */
function loadingProblem(problem: unknown, path: string): string {
  const position = problem instanceof Error && "position" in problem ? problem.position : undefined;
  if (!isRecord(position)) return messageOf(problem);
  const { file, line, column } = position;
  const place = `line ${String(line)}, column ${String(column)}`;
  return `${file === path ? "" : `"${String(file)}", `}${place}: ${messageOf(problem)}`;
}
