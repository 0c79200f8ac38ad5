import { PROVIDER_BARS } from "../settings.ts";
import { unlessAborted } from "../util/async.ts";
import { messageOf } from "../errors.ts";
import { isRecord } from "../util/json.ts";
import type { Action, Answer, BarColumns, DecisionContext, SampleCounts, Situation, Vote } from "../types.ts";

/**
 * A member of the ensemble. It must vote from its arguments alone: state kept between calls would make a resumed run differ
 * from an uninterrupted one.
 *
 * @example
 * ```ts
 * export const contrarian: Provider = {
 *   name: "contrarian",
 *   // To be changed with the rules: a finished run is returned as it is until then.
 *   version: "1",
 *   vote: (situation) =>
 *     situation.rsi < 30 ? { action: "BUY", confidence: 60, reason: "oversold" } : { action: "HOLD", confidence: 50 },
 * };
 * ```
 */
export interface Provider {
  /** Unique in the ensemble. Its record is kept under this name. */
  readonly name: string;
  /**
   * Changes whenever its votes would, as the hash of its rules does. A run is found again by all that it depends on, and a
   * provider without a version counts as unchanged: after an edit `backtest()` returns the old result, or continues the old run.
   * A note says so.
   */
  readonly version?: string | undefined;
  /**
   * The parts of the context that it reads. To name them is a promise to change nothing that it is given. What no provider reads
   * may be left empty.
   *
   * @default all of them
   */
  readonly reads?: readonly (keyof DecisionContext)[] | undefined;
  /** How many bars of the asset its context has, 1 to 2,000. @default 100 */
  readonly bars?: number | undefined;
  /** What its highest confidence is. @default 100, where 50 votes of at most 1 are taken for a mistake */
  readonly confidenceScale?: 1 | 100 | undefined;
  /** Stops the run when it is aborted, because the provider cannot go on and would only abstain. */
  readonly signal?: AbortSignal | undefined;

  /** Called before a run's last chunk is committed. Throws if the run is no result, because nothing that it answered was usable. */
  readonly beforeEnd?: (() => void) | undefined;

  /**
   * Votes on one situation. A provider that throws, rejects or answers out of range abstains, and the run goes on. If the first 50 calls
   * give no vote, `backtest()` stops.
   *
   * @param situation What is known about the asset at the bar's close.
   * @param context What memory recalls as of that time, and the open positions.
   */
  vote(situation: Situation, context: DecisionContext): Answer | Promise<Answer>;
}

const builtIn = new WeakSet<Provider>();

/** Marks a provider that changes only with the library, whose version every run has. A copy that is altered has no mark. */
export function asBuiltIn(provider: Provider): Provider {
  builtIn.add(provider);
  return provider;
}

/** Whether it comes with the library, as it is. */
export function isBuiltIn(provider: Provider): boolean {
  return builtIn.has(provider);
}

/** Whether a change of its votes would go unnoticed, because neither a version nor the library's tells of it. */
export function isUnversioned(provider: Provider): boolean {
  return provider.version === undefined && !isBuiltIn(provider);
}

/** Whether any provider reads this part of the context. */
export function isRead(part: keyof DecisionContext, providers: readonly Provider[]): boolean {
  return providers.some(({ reads }) => reads === undefined || reads.includes(part));
}

/** An answer that counts as neither right nor wrong. */
export function abstain(error: string): Answer {
  return { action: "HOLD", confidence: 0, error };
}

export const ACTIONS: readonly Action[] = ["BUY", "SELL", "HOLD"];

export function isAction(value: unknown): value is Action {
  return value === "BUY" || value === "SELL" || value === "HOLD";
}

const ACTIONS_BY_WORD: ReadonlyMap<unknown, Action> = new Map<unknown, Action>([
  ["BUY", "BUY"],
  ["LONG", "BUY"],
  [1, "BUY"],
  ["SELL", "SELL"],
  ["SHORT", "SELL"],
  [-1, "SELL"],
  ["HOLD", "HOLD"],
  ["FLAT", "HOLD"],
  [0, "HOLD"],
]);

/** What modules, programs and files of votes may call an action, for messages. */
export const ACTION_FORM = "BUY, SELL or HOLD, long, short or flat, or 1, -1 or 0";

/** The action that a word in any case is, or a number, which may be a text such as `-1.0` or `1e+00`. */
export function actionOf(value: unknown): Action | undefined {
  if (isAction(value)) return value;
  if (typeof value !== "string") return ACTIONS_BY_WORD.get(value);
  return ACTIONS_BY_WORD.get(
    /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(value) ? Number(value) : value.toUpperCase(),
  );
}

export function isConfidence(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 100;
}

/** Characters kept of a reason or an error, so that an outcome stays below its size limit. */
const MAX_TEXT = 1000;

interface AskInput {
  readonly situation: Situation;
  readonly context: Omit<DecisionContext, "bars">;
  /** The newest bars of the asset that had closed, at most `count`. */
  readonly lastBars: (count: number) => BarColumns;
  /** Stops the run, so that a provider that never answers does not block it. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks all providers at once. One that throws, rejects or answers out of range abstains, and the others count. Their arguments
 * are frozen, so no provider can change what the others, the broker or the files get; not if all of them promise to change nothing.
 *
 * @returns One vote each, in the order of `providers`.
 */
export async function askProviders(providers: readonly Provider[], input: AskInput): Promise<readonly Vote[]> {
  const { situation, context, lastBars } = input;
  const areFrozen = providers.some(({ reads }) => reads === undefined);
  if (areFrozen) {
    Object.freeze(situation);
    freezeParts(context);
  }
  // Providers that want as many bars share them.
  const contexts = new Map<number, DecisionContext>();
  const contextFor = ({ bars = PROVIDER_BARS.default }: Provider): DecisionContext => {
    let found = contexts.get(bars);
    if (found === undefined) contexts.set(bars, (found = new ContextWithBars(context, () => lastBars(bars))));
    return areFrozen ? Object.freeze(found) : found;
  };
  const answers = providers.map((provider) => ask(provider, situation, contextFor(provider)));
  // Rules answer at once. Waiting only for promises saves most of the time of a run without models.
  const settled = answers.some((answer) => answer instanceof Promise)
    ? await unlessAborted(Promise.all(answers), input.signal)
    : answers;
  return settled.map((answer, i) => toVote(providers[i]!.name, answer));
}

/** A context whose bars are made when they are first read. They are no property of its own: copies of a context have none. */
class ContextWithBars implements DecisionContext {
  readonly remembered: DecisionContext["remembered"];
  readonly similar: DecisionContext["similar"];
  readonly recent: DecisionContext["recent"];
  readonly records: DecisionContext["records"];
  readonly positions: DecisionContext["positions"];
  readonly #make: () => BarColumns;
  #bars: BarColumns | undefined;

  constructor(parts: Omit<DecisionContext, "bars">, make: () => BarColumns) {
    this.remembered = parts.remembered;
    this.similar = parts.similar;
    this.recent = parts.recent;
    this.records = parts.records;
    this.positions = parts.positions;
    this.#make = make;
  }

  get bars(): BarColumns {
    return (this.#bars ??= this.#make());
  }
}

function ask(provider: Provider, situation: Situation, context: DecisionContext): unknown {
  try {
    const answer: unknown = provider.vote(situation, context);
    if (!isThenable(answer)) return answer;
    return Promise.resolve(answer).catch((error: unknown) => abstain(messageOf(error)));
  } catch (error) {
    return abstain(messageOf(error));
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function freezeParts({ similar, positions, recent, records }: Omit<DecisionContext, "bars">): void {
  for (const part of [...similar, ...positions, similar, positions, recent]) Object.freeze(part);
  // Many contexts share them.
  if (Object.isFrozen(records)) return;
  for (const record of Object.values(records)) {
    for (const part of [...record.calibration, record.calibration, record]) Object.freeze(part);
  }
  Object.freeze(records);
}

/** The vote that an answer is. One out of range abstains. */
export function toVote(provider: string, answer: unknown): Vote {
  try {
    return { provider, ...checkedAnswer(answer) };
  } catch (error) {
    // A getter of the answer threw.
    return { provider, ...abstain(truncated(messageOf(error))) };
  }
}

/** Checks everything: providers may be written without a type checker. */
function checkedAnswer(answer: unknown): Answer {
  const { action, confidence, reason, error, samples, unanswered } = (answer ?? {}) as Partial<
    Record<keyof Answer, unknown>
  >;
  if (typeof error === "string")
    return { ...abstain(truncated(error)), ...(unanswered === true ? { unanswered } : {}) };
  if (!isRecord(answer)) return abstain(`found ${shown(answer)}, expected an object with "action" and "confidence"`);
  const known = actionOf(action);
  if (known === undefined) return abstain(`found action ${shown(action)}, expected ${ACTION_FORM}`);
  if (!isConfidence(confidence)) return abstain(`found confidence ${shown(confidence)}, expected 0 to 100`);
  return {
    action: known,
    confidence,
    ...(typeof reason === "string" ? { reason: truncated(reason) } : {}),
    ...(isSampleCounts(samples) ? { samples } : {}),
  };
}

function isSampleCounts(value: unknown): value is SampleCounts {
  return (
    isRecord(value) &&
    Object.keys(value).join() === ACTIONS.join() &&
    Object.values(value).every((count) => Number.isInteger(count) && (count as number) >= 0)
  );
}

function truncated(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 3)}...` : text;
}

function shown(value: unknown): string {
  if (typeof value === "string") return truncated(JSON.stringify(value));
  return typeof value === "number" ? String(value) : typeof value;
}
