/** Mutations that change no behaviour, so that no test can catch them. */

/** A mutation of a file, and why it changes nothing. */
export interface Equivalent {
  readonly file: string;
  /** As the run prints it: `from -> to`, the first lines of both. */
  readonly mutation: string;
  /** Text of its line, where a mutation comes more than once. */
  readonly near?: string;
  /** Which of those with the same text, counted from 1. @default all */
  readonly nth?: number;
  readonly reason: string;
}

export const EQUIVALENT: readonly Equivalent[] = [
  {
    file: "lib/memory/evidence.ts",
    mutation: "to - from -> to + from",
    near: "const quick",
    reason: "The array is longer, and its end is not read.",
  },
  {
    file: "lib/backtest/broker.ts",
    mutation: "0 -> 1",
    near: "this.#realizedPnl.set(asset,",
    reason: "Every asset of the settings has an entry from the start.",
  },
  {
    file: "lib/backtest/sizing.ts",
    mutation: "0 -> 1",
    near: "let meanX = 0",
    reason: "The first return replaces the mean, whatever it was.",
  },
  {
    file: "lib/backtest/sizing.ts",
    mutation: "0 -> 1",
    near: "let meanY = 0",
    reason: "The first return replaces the mean, whatever it was.",
  },
  {
    file: "lib/backtest/sizing.ts",
    mutation:
      "barA.timestamp < options.from || barB.timestamp < options.from -> barA.timestamp < options.from && barB.timestamp < options.from",
    reason: "No two bars before the window have one time after its start: the walk only goes on longer.",
  },
  {
    file: "lib/backtest/sizing.ts",
    mutation: "next.a / barA.close - 1 -> next.a / barA.close + 1",
    reason: "A correlation does not change when a constant is added.",
  },
  {
    file: "lib/backtest/sizing.ts",
    mutation: "1 -> 2",
    near: "next.a / barA.close - 1",
    reason: "A correlation does not change when a constant is added.",
  },
  {
    file: "lib/backtest/sizing.ts",
    mutation: "next.b / barB.close - 1 -> next.b / barB.close + 1",
    reason: "A correlation does not change when a constant is added.",
  },
  {
    file: "lib/backtest/sizing.ts",
    mutation: "1 -> 2",
    near: "next.b / barB.close - 1",
    reason: "A correlation does not change when a constant is added.",
  },
  {
    file: "lib/backtest/decide.ts",
    mutation: "best <= 0 -> best < 0",
    reason: "If the best sum is 0, all three are, and tie.",
  },
  {
    file: "lib/backtest/loop.ts",
    mutation: "decidingFeeds.length > 0 -> decidingFeeds.length >= 0",
    reason: "Lessons are computed for nobody, which takes time and changes nothing.",
  },
  {
    file: "lib/backtest/loop.ts",
    mutation: "next >= chunk.endMs -> next > chunk.endMs",
    reason: "A chunk ends at a midnight, where a day ends as well.",
  },
  {
    file: "lib/memory/evidence.ts",
    mutation: "0 -> 1",
    near: "const NO_EVIDENCE",
    reason: "No result, so the bin is not read.",
  },
  {
    file: "lib/memory/evidence.ts",
    mutation: "0 -> 1",
    near: "column.insert(0, index)",
    reason: "The value is replaced in the next line.",
  },
  {
    file: "lib/memory/evidence.ts",
    mutation: "0 -> 1",
    near: "let slowFactor = 0",
    reason: "The first trade replaces the factor.",
  },
  {
    file: "lib/memory/evidence.ts",
    mutation: "0 -> 1",
    near: "let quickFactor = 0",
    reason: "The first trade replaces the factor.",
  },
  {
    file: "lib/memory/evidence.ts",
    mutation: "i < slow.length -> i <= slow.length",
    near: "for (let i = 0; i < slow.length; i++) {",
    nth: 1,
    reason: "A typed array ignores what is written after its end, and has no result there.",
  },
  {
    file: "lib/memory/evidence.ts",
    mutation: "age < days * DAY_MS -> age <= days * DAY_MS",
    reason: "At the border the days are the same.",
  },
];
