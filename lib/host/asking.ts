import { isoDate } from "../backtest/chunks.ts";
import type { Config } from "../config.ts";
import { CarryoverError } from "../errors.ts";
import { openAnswerStore } from "../providers/answer-store.ts";
import { openDesk, type AskedCounts, type DeskOptions } from "../providers/desk.ts";
import { knowledgeCutoff } from "../providers/knowledge-cutoffs.ts";
import { diskStorage } from "./disk-storage.ts";
import { isAsked, type Asking } from "./load-providers.ts";
import type { Period } from "./period.ts";
import { settleLeftovers } from "./_shared-file.ts";

/** How the providers of a configuration are asked. */
export interface AskingOptions {
  readonly config: Config;
  readonly offline?: boolean | undefined;
  readonly refresh?: readonly string[] | undefined;
  readonly signal: AbortSignal;
  readonly onNote: (note: string) => void;
  readonly onAsked?: ((counts: AskedCounts) => void) | undefined;
  /** Only counts what would be asked, and writes nothing. */
  readonly onQuestion?: DeskOptions["onQuestion"];
}

/**
 * Opens the folder of recorded answers, and a desk that asks for the others.
 *
 * @returns `undefined` where the configuration has no provider whose answers are recorded.
 * @throws {CarryoverError} `BAD_USAGE` if a provider that is to be asked anew is none.
 */
export function openAsking(options: AskingOptions): Asking | undefined {
  const { config, refresh = [], onNote, onQuestion } = options;
  const asked = config.providers.filter(isAsked);
  for (const name of refresh.filter((each) => asked.every((provider) => provider.name !== each))) {
    const known = asked.map((provider) => JSON.stringify(provider.name)).join(", ");
    const expected = known === "" ? "a provider of the type llm or command" : known;
    throw new CarryoverError(
      "BAD_USAGE",
      `Cannot use --refresh-provider: found ${JSON.stringify(name)}, expected ${expected}`,
    );
  }
  if (asked.length === 0) return undefined;
  const dir = config.memory.answers_dir;
  if (onQuestion === undefined) settleLeftovers(dir);
  const store = openAnswerStore(diskStorage(dir), { onNote });
  const desk = openDesk({
    store,
    mode: onQuestion !== undefined ? "count" : options.offline === true ? "offline" : "ask",
    budgetUsd: config.backtest.budget_usd,
    signal: options.signal,
    now: () => Date.now(),
    onAsked: options.onAsked,
    onQuestion,
    onNote,
  });
  return { store, desk, refresh, onNote };
}

/** Warns of models that may have read about the period. */
export function noteOnCutoffs(config: Config, options: { period: Period; onNote: (note: string) => void }): void {
  const { period, onNote } = options;
  for (const provider of config.providers) {
    if (provider.type !== "llm") continue;
    const { name, model, mask } = provider;
    const cutoff = provider.knowledge_cutoff ?? knowledgeCutoff(model);
    if (cutoff !== undefined && period.startMs > Date.parse(cutoff)) continue;
    const about =
      cutoff === undefined
        ? `The knowledge cutoff of "${model}" is not known here (knowledge_cutoff says it), and may lie after ${isoDate(period.startMs)}`
        : `The period begins at ${isoDate(period.startMs)}, before "${model}" stopped reading at ${cutoff}`;
    const advice = mask ? "" : "; with mask: true it is not told asset, dates and prices";
    onNote(`${about}: what "${name}" votes may be remembered and not foreseen${advice}`);
  }
}
