/**
 * check-lookahead catches every mutant that looks ahead by a bar. A mutant is a copy of the project with an edit. Each edit must
 * match exactly once, so that none is lost when the code changes. `bun run test:slow`
 */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LookaheadReport } from "../../lib/experiments/lookahead.ts";
import { copyProject } from "../mutants/project-copy.ts";
import { runScript } from "../scripts/run-script.ts";
import { sampleOf } from "./support/sample.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(180_000);

const work = mkdtempSync(join(tmpdir(), "carryover-mutants-"));
afterAll(() => rmSync(work, { recursive: true }));

const PERIOD = ["--start", "2018-03-01", "--end", "2018-04-10", "--chunks", "10d"];

const reportOf = (stdout: string): LookaheadReport => JSON.parse(stdout) as LookaheadReport;

interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const edit = (file: string, from: string, to: string): Edit => ({ file, from, to });

/** Puts the next bar where an indicator can find it. */
const PEEK = edit(
  "lib/backtest/feed.ts",
  "this.#tracker.add(next, this.#nextTick + this.#timeframeMs);",
  "(globalThis as { peeked?: unknown }).peeked = this.bars[this.count + 1] ?? next; this.#tracker.add(next, this.#nextTick + this.#timeframeMs);",
);

/** The evidence of the trades, including those that close at that very time. */
const AT_THE_DECISION =
  "sumEvidence(columns, { ...window, to: columns.exits.values.findLastIndex((ms) => ms > 0 && ms <= window.asOf) + 1 })";

/** The line in which the broker begins to open a position. */
const OPEN = "    const direction = directionOf(action);\n";

/** Synthetic bars open at the close before. With this, some open beyond stops and targets. */
const GAPS = edit(
  "lib/market/synthetic.ts",
  "    const open = close;\n",
  "    const open = close * [1, 1, 1.03, 1, 1, 1, 0.97][bars.length % 7];\n",
);

const MUTANTS: Record<string, readonly Edit[]> = {
  "an indicator that takes the next bar instead of its own": [
    edit(
      "lib/backtest/feed.ts",
      "this.#tracker.add(next, this.#nextTick + this.#timeframeMs);",
      "this.#tracker.add({ ...(this.bars[this.count + 1] ?? next), timestamp: next.timestamp }, this.#nextTick + this.#timeframeMs);",
    ),
  ],
  "an indicator that takes the next bar, and its time": [
    edit(
      "lib/backtest/feed.ts",
      "this.#tracker.add(next, this.#nextTick + this.#timeframeMs);",
      "this.#tracker.add(this.bars[this.count + 1] ?? next, this.#nextTick + 2 * this.#timeframeMs);",
    ),
  ],
  "bars of a provider that have the next one": [
    edit(
      "lib/backtest/feed.ts",
      "barColumns(this.bars.slice(Math.max(0, this.#count - count), this.#count))",
      "barColumns(this.bars.slice(Math.max(0, this.#count - count), this.#count + 1))",
    ),
    edit(
      "lib/providers/rules.ts",
      "vote: ({ close, channel_high, channel_low, atr }) => {",
      "vote: ({ channel_high, channel_low, atr }, { bars }) => { const close = bars.close.at(-1)!;",
    ),
  ],
  "a regime that looks at the next close": [
    PEEK,
    edit(
      "lib/market/situation.ts",
      "regime: classifyRegime({ volatilityRank, adx, usualAdx })",
      'regime: (globalThis as unknown as { peeked: Bar }).peeked.close > close ? "TRENDING" : "RANGING"',
    ),
  ],
  "recall that sees what closes at the decision": [
    edit("lib/memory/view.ts", "const window = this.#windowAt(asOf);", "const window = this.#windowAt(asOf + 1);"),
  ],
  "weights that include what closes at the decision": [
    edit(
      "lib/memory/view.ts",
      "{ asOf, ...this.#windowAt(asOf), learningRate }",
      "{ asOf, ...this.#windowAt(asOf + 1), learningRate }",
    ),
  ],
  "calibration that includes what closes at the decision": [
    edit(
      "lib/memory/lessons.ts",
      "calibrateDecision(trades, { confidence, strength })",
      `calibrateDecision(${AT_THE_DECISION}.trades, { confidence, strength })`,
    ),
  ],
  "sizes that include what closes at the decision": [
    edit("lib/memory/lessons.ts", "trades.regimes.get(regime)", `${AT_THE_DECISION}.trades.regimes.get(regime)`),
  ],
  "a memory that carries in what closes during the run": [
    edit("lib/memory/view.ts", "trade.exitMs <= startMs", "trade.exitMs <= startMs + 40 * DAY_MS"),
  ],
  "a fill at the open after the next": [
    edit(
      "lib/backtest/loop.ts",
      "broker.atOpen(feed.asset, bar, tick)",
      "broker.atOpen(feed.asset, { ...bar, open: feed.bars[feed.count + 1]?.open ?? bar.open }, tick)",
    ),
  ],
  "a stop that is reached in the next bar": [
    edit(
      "lib/backtest/loop.ts",
      "broker.insideBar(feed.asset, bar, tick)",
      "broker.insideBar(feed.asset, { ...bar, low: Math.min(bar.low, feed.bars[feed.count + 1]?.low ?? Infinity) }, tick)",
    ),
  ],
  "an entry at the best price of its bar": [
    edit("lib/backtest/broker.ts", OPEN, `${OPEN}  bar = { ...bar, open: direction === 1 ? bar.low : bar.high };\n`),
  ],
  "an entry at the close of its bar": [
    edit("lib/backtest/broker.ts", OPEN, `${OPEN}  bar = { ...bar, open: bar.close };\n`),
  ],
  "a reversal or timeout at the close of its bar": [
    edit(
      "lib/backtest/broker.ts",
      "{ reason, tickMs, raw: bar.open, atMs: bar.timestamp }",
      "{ reason, tickMs, raw: bar.close, atMs: bar.timestamp }",
    ),
  ],
  "a timeout at the close of its bar": [
    edit(
      "lib/backtest/broker.ts",
      "{ reason, tickMs, raw: bar.open, atMs: bar.timestamp }",
      '{ reason, tickMs, raw: reason === "timeout" ? bar.close : bar.open, atMs: bar.timestamp }',
    ),
  ],
  "a stop that a bar opens beyond, at the best price of that bar": [
    GAPS,
    edit(
      "lib/backtest/broker.ts",
      '{ reason: "stop", raw: bar.open, atOpen: true }',
      '{ reason: "stop", raw: best, atOpen: true }',
    ),
  ],
  "an order that is cancelled where its bar goes against it": [
    edit(
      "lib/backtest/broker.ts",
      "if (order !== undefined && order.opens !== null) this.#open(",
      "if (order?.opens && directionOf(order.opens.action) * (bar.close - bar.open) >= 0) this.#open(",
    ),
  ],
  "a correlation that includes the next bar": [
    edit(
      "lib/backtest/decide.ts",
      "correlation(feed, other, {",
      "correlation({ bars: feed.bars, count: feed.count + 1 }, { bars: other.bars, count: other.count + 1 }, {",
    ),
  ],
  "votes that count one bar too early": [
    edit("lib/providers/votes-file.ts", ".timestamp > timestamp)", ".timestamp > timestamp + 3_600_000)"),
  ],
};

/** Copies the project, edits it, and checks it there. */
async function checkMutant(name: string, edits: readonly Edit[]): Promise<LookaheadReport & { code: number }> {
  const folder = join(work, name.replaceAll(/\W/g, "-"));
  copyProject(folder, ["lib", "scripts", "package.json"]);
  for (const { file, from, to } of edits) {
    const source = readFileSync(join(folder, file), "utf8");
    expect(source.split(from).length, `${file}: ${from}`).toBe(2);
    writeFileSync(
      join(folder, file),
      source.replace(from, () => to),
    );
  }
  // A memory of another run of the same days, and votes at every decision.
  const hours = Array.from({ length: 480 }, (_, i) => new Date(Date.UTC(2018, 2, 15) + i * 3_600_000).toISOString());
  const rows = hours.map((hour, i) => `${hour},BTCUSD,${i % 2 === 0 ? "BUY" : "SELL"},90`);
  writeFileSync(join(folder, "votes.csv"), `timestamp,asset,action,confidence\n${rows.join("\n")}\n`);
  // Otherwise, time-outs and correlated assets are rare.
  const rules = ["trend", "reversion", "breakout", "memory"].map((rule) => `  - { name: ${rule}, type: ${rule} }\n`);
  writeFileSync(
    join(folder, "config.yaml"),
    `backtest: { data_dir: synthetic, assets: [BTCUSD, ETHUSD], correlation_threshold: 0.01, risk: { max_holding: 8h } }\nproviders:\n${rules.join("")}  - { name: votes, type: file, path: votes.csv }\n`,
  );
  cpSync(await usedMemory(), join(folder, "memory"), { recursive: true });
  const args = [
    ...PERIOD,
    "--at",
    "2018-03-16",
    "--at",
    "2018-03-25",
    "--memory-dir",
    join(folder, "memory"),
    "--json",
  ];
  const child = Bun.spawn([process.execPath, join(folder, "scripts", "check-lookahead.ts"), ...args], {
    cwd: folder,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const code = await child.exited;
  expect(stdout, stderr).toStartWith("{");
  return { ...reportOf(stdout), code };
}

let used: Promise<string> | undefined;

/** The memory of another run of the same days. */
function usedMemory(): Promise<string> {
  return (used ??= (async () => {
    const folder = join(work, "another-run");
    const { code } = await runScript("run-chunks.ts", [
      "--synthetic",
      ...PERIOD,
      "--assets",
      "BTCUSD,GOLD",
      "--memory-dir",
      folder,
    ]);
    expect(code).toBe(0);
    return folder;
  })());
}

describe("check-lookahead catches", () => {
  test.concurrent.each(sampleOf(Object.entries(MUTANTS), 4))("%s", async (name, edits) => {
    const { code, repeatable, leaks, entered_early, checks } = await checkMutant(name, edits);
    expect(repeatable).toBe(true);
    expect(leaks + entered_early).toBeGreaterThan(0);
    if (leaks > 0) expect(checks.flatMap((check) => check.first_leak?.fields ?? [])).not.toEqual([]);
    expect(code).toBe(4);
  });

  test.concurrent.each([
    ["without an edit", []],
    ["with gaps alone", [GAPS]],
  ] as const)("nothing in a copy %s", async (name, edits) => {
    const { code, leaks } = await checkMutant(name, edits);
    expect({ code, leaks }).toEqual({ code: 0, leaks: 0 });
  });
});
