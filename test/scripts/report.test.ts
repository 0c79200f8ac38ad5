import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { makeReport } from "../../lib/report/make.node.ts";
import type { RunComparison } from "../../lib/runs/compare.ts";
import type { Summary } from "../../lib/results/summary-shape.ts";
import { fixed, signed } from "../../lib/util/written-numbers.ts";
import { PROJECT_DIR } from "../samples.ts";
import { runHere } from "./run-here.ts";
import { filesOf, runScript } from "./run-script.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const work = mkdtempSync(join(tmpdir(), "carryover-report-"));
afterAll(() => rmSync(work, { recursive: true }));

const memory = join(work, "memory");
/** What the report of the newest run is made of. */
const LATEST = { memoryDir: memory, run: "latest", dataDir: join(PROJECT_DIR, "data/sample"), answersDir: work };
let on: Summary;
let off: Summary;
let html = "";
let page: Document;

async function runJson<T>(name: string, args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await runScript(name, [...args, "--json"]);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as T;
}

/** The report of the first run. Plot would move its lines by half a pixel below a test runner, whose `it()` it looks for. */
async function reportIn(name: string): Promise<string> {
  const out = join(work, name);
  await runJson("report.ts", [on.run_id.slice(0, 8), "--memory-dir", memory, "--out", out]);
  return readFileSync(out, "utf8");
}

/** Rows of the table behind a picture, as texts. */
function tableOf(id: string): string[][] {
  const rows = [...page.querySelectorAll(`#${id} tbody tr`)];
  return rows.map((row) => [...row.querySelectorAll("th, td")].map(({ textContent }) => textContent));
}

beforeAll(async () => {
  const run = (isOn: boolean): Promise<Summary> =>
    runHere(`
portfolio_memory: { enabled: ${isOn} }
memory: { dir: ${JSON.stringify(memory)} }
backtest: { start: 2021-01-01, end: 2021-03-01, chunks: month, data_dir: data/sample }
`);
  on = await run(true);
  off = await run(false);
  html = await reportIn("a.html");
  page = parseHTML(html).document as unknown as Document;
});

describe("the page", () => {
  test("is the same, byte for byte, when another process makes it, which writes nothing else", async () => {
    const before = filesOf(memory);
    expect(await reportIn("b.html")).toBe(html);
    expect(filesOf(memory)).toEqual(before);
    expect(readdirSync(work).toSorted()).toEqual(["a.html", "b.html", "memory"]);
  });

  test("has every picture, in order", () => {
    const ids = [...page.querySelectorAll("section")].map(({ id }) => id);
    expect(ids).toEqual(
      "equity held drawdown effect weights providers reliability trades sizes expectation moves recall months costs models".split(
        " ",
      ),
    );
    for (const id of ids.filter((each) => each !== "models")) {
      expect(page.querySelectorAll(`#${id} svg[role=img][aria-label]`).length).toBeGreaterThan(0);
      expect(tableOf(id).length).toBeGreaterThan(0);
    }
  });

  test("needs nothing from outside: its policy allows its own style and script by their hashes", () => {
    const policy = page.querySelector("meta[http-equiv=Content-Security-Policy]")!.getAttribute("content")!;
    expect(policy).toStartWith("default-src 'none'; style-src 'sha256-");
    const hashOf = (text: string): string => new Bun.CryptoHasher("sha256").update(text).digest("base64");
    const [, style] = /<style>(.*?)<\/style>/s.exec(html)!;
    const [, script] = /<script>(.*?)<\/script>/s.exec(html)!;
    expect(policy).toContain(`style-src 'sha256-${hashOf(style!)}'`);
    expect(policy).toContain(`script-src 'sha256-${hashOf(script!)}'`);
    expect(html.match(/<style|<script>/g)).toHaveLength(2);
    expect(page.querySelectorAll("[src], [href], [style], link, img, iframe").length).toBe(0);
    expect(html).not.toContain("NaN");
    expect(html).not.toContain("undefined%");
  });

  test("says in its first sentence whether memory helped, by the interval that runs compare has", async () => {
    const { a_minus_b: difference } = await runJson<RunComparison>("runs.ts", [
      "compare",
      on.run_id,
      `off/${off.run_id}`,
      "--memory-dir",
      memory,
    ]);
    const { estimate, low, high } = difference.sharpe!;
    const first = page.querySelector(".verdict strong")!.textContent;
    expect(first).toBe(
      `No proof that memory helped or hurt: the account made ${signed(on.total_return_pct, 1)}% with it, ` +
        `${signed(off.total_return_pct, 1)}% without.`,
    );
    const interval = `${signed(estimate)} (95\u00A0% interval ${signed(low)} to ${signed(high)})`;
    expect(page.querySelector(".verdict")!.textContent).toContain(`Its Sharpe ratio differs by ${interval}.`);
    expect(page.querySelector(".verdict")!.textContent).toContain("Constants of memory were chosen on bars of 2021");
  });

  test("has the drawdown of runs over the days that a comparison has", async () => {
    const { a, b } = await runJson<RunComparison>("runs.ts", [
      "compare",
      on.run_id,
      `off/${off.run_id}`,
      "--memory-dir",
      memory,
    ]);
    const [first, second] = [...page.querySelectorAll("table")[0]!.querySelectorAll("tbody tr")];
    expect(first!.children[3]!.textContent).toBe(`${a.max_drawdown_pct!.toFixed(2)}%`);
    expect(second!.children[3]!.textContent).toBe(`${b.max_drawdown_pct!.toFixed(2)}%`);
  });
});

describe("the tables agree with the summary", () => {
  test("equity ends at the final balances", () => {
    expect(tableOf("equity").map(([month]) => month)).toEqual(["2021-01", "2021-02"]);
    expect(tableOf("equity").at(-1)!.slice(1)).toEqual([fixed(on.final_balance), fixed(off.final_balance)]);
    const ends = on.quarterly_breakdown.map(({ final_value }) => fixed(final_value));
    expect(tableOf("equity").map(([, equity]) => equity)).toEqual(ends);
  });

  test("the deepest month is the maximum drawdown", () => {
    const deepest = Math.min(...tableOf("drawdown").map(([, fall]) => Number.parseFloat(fall!)));
    expect(deepest).toBeCloseTo(-on.max_drawdown_pct, 2);
  });

  test("holding earns what the summary says", () => {
    const held = Object.entries(on.buy_and_hold).map(([asset, each]) => [
      `${asset} held`,
      `${signed(each!.return_pct)}%`,
    ]);
    expect(tableOf("held")).toEqual([...held, ["all held, equal shares", `${signed(on.equal_weight!.return_pct)}%`]]);
  });

  test("providers have their trades and mean R by chunk", () => {
    const expected = Object.entries(on.providers).flatMap(([name, { by_quarter }]) =>
      by_quarter.map((cell) => [name, cell.quarter, String(cell.total_trades), signed(cell.mean_result_r, 3)]),
    );
    expect(tableOf("providers").map(([name, chunk, trades, , r]) => [name, chunk, trades, r])).toEqual(
      expected as never,
    );
  });

  test("every trade is listed, and their P&L adds up", () => {
    const trades = tableOf("trades");
    expect(trades).toHaveLength(on.total_trades);
    const pnl = trades.reduce((sum, row) => sum + Number(row[7]!.replaceAll(",", "")), 0);
    expect(Math.abs(pnl - on.total_pnl)).toBeLessThan(0.005 * on.total_trades);
  });

  test("weights of a chunk add up to 1, and each month's returns to that of the run", () => {
    for (const [, , ...weights] of tableOf("weights")) {
      expect(weights.reduce((sum, weight) => sum + Number(weight), 0)).toBeCloseTo(1, 1);
    }
    const growth = tableOf("months").reduce((total, [, month]) => total * (1 + Number.parseFloat(month!) / 100), 1);
    expect(100 * (growth - 1)).toBeCloseTo(on.total_return_pct, 1);
  });

  test("confidence, expectations and costs are those of the summary", () => {
    const { before_calibration: before, after_calibration: after } = on.confidence;
    const bins = [...before!.bins, ...after!.bins].map(({ trades, win_rate }) => [
      String(trades),
      `${fixed(win_rate, 1)}%`,
    ]);
    expect(tableOf("reliability").map((row) => [row[2], row[4]])).toEqual(bins as never);
    const expected = on.expectation.map(({ trades, mean_realized_r }) => [String(trades), signed(mean_realized_r, 3)]);
    expect(tableOf("expectation").map((row) => [row[1], row[3]])).toEqual(expected as never);
    const { fees, spread, slippage } = on.costs;
    const free = (100 * (on.total_pnl + fees + spread + slippage)) / on.initial_balance;
    expect(tableOf("costs")[0]).toEqual(["x0", `${signed(free)}%`]);
  });
});

describe("report", () => {
  test("ends with the reason of a signal that comes while it works", async () => {
    const stopped = new AbortController();
    const reason = new DOMException("stopped by SIGINT", "AbortError");
    setTimeout(() => stopped.abort(reason));
    const notes: string[] = [];
    const made = makeReport({ ...LATEST, onNote: (text) => notes.push(text), signal: stopped.signal });
    expect(await made.catch((error: unknown) => error)).toBe(reason);
    // It ended before it came to what it notes.
    expect(notes).toEqual([]);
  });

  test("leaves out holding where the bars are others, and says so", async () => {
    const notes: string[] = [];
    const made = await makeReport({ ...LATEST, dataDir: work, onNote: (text) => void notes.push(text) });
    expect(notes[0]).toStartWith("Buy and hold is left out: ");
    expect(made.html).toContain("--data-dir names their folder");
  });

  test("is written by run-chunks --report too, for a run without memory and without trades", async () => {
    const out = join(work, "short.html");
    const period = ["--start", "2021-01-01", "--end", "2021-01-04", "--data-dir", "data/sample", "--no-memory"];
    const { code, stderr } = await runScript("run-chunks.ts", [
      ...period,
      "--memory-dir",
      join(work, "other"),
      "--report",
      out,
    ]);
    expect(code).toBe(0);
    expect(stderr).toContain("Stored the report as ");
    expect(readFileSync(out, "utf8")).toContain("without memory.");
  });
});
