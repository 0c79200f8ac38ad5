import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Outcome } from "../../lib/types.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { encodeOutcome, outcomeFileName } from "../../lib/memory/outcome.ts";
import type { RecalledTrade } from "../../lib/memory/recall.ts";
import { makeOutcomes } from "../memory/outcome-samples.ts";
import { PROJECT_DIR } from "../samples.ts";
import { hostScripts } from "./hosted-script.ts";
import { filesOf, whileLocked, writeMemory, type ScriptResult } from "./run-script.ts";

const runScript = hostScripts();

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const work = mkdtempSync(join(tmpdir(), "carryover-recall-"));
afterAll(() => rmSync(work, { recursive: true }));

const QUESTION = "BTCUSD is falling and wild";
const outcomes = makeOutcomes(150);
const folder = join(work, "memory");
beforeAll(() => writeMemory(folder, outcomes));

interface Answer {
  readonly sentence: string;
  readonly as_of: string | null;
  readonly embedder: string;
  readonly market: string;
  readonly remembered: number;
  readonly searched: number;
  readonly similar: readonly RecalledTrade[];
}

const ask = (dir: string, ...args: readonly string[]): Promise<ScriptResult> =>
  runScript("recall.ts", [QUESTION, "--memory-dir", dir, ...args], { cwd: work });

/** The answer to a question that must succeed, with its stderr. */
async function answerOf(dir: string, ...args: readonly string[]): Promise<Answer & { stderr: string }> {
  const { code, stdout, stderr } = await ask(dir, ...args, "--json");
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return { ...(JSON.parse(stdout) as Answer), stderr };
}

const idsOf = (answer: Answer): string[] => answer.similar.map((trade) => trade.decision_id);

/** The answer without index, sidecar or files: cosines with every outcome's first sentence, sorted. */
async function bruteForce(among: readonly Outcome[], k: number): Promise<{ id: string; similarity: number }[]> {
  const { embed } = hashingEmbedder();
  const query = await embed(QUESTION);
  const all = await Promise.all(
    among.map(async (outcome) => {
      const vector = await embed(outcome.description.split(". ")[0] ?? "");
      const similarity = vector.reduce((sum, value, i) => sum + value * query[i]!, 0);
      return { id: outcome.decision_id, exit: outcome.exit_timestamp, similarity };
    }),
  );
  // The sum above may round equal cosines differently.
  const rounded = (value: number): number => Math.round(value * 1e6);
  return all
    .toSorted((a, b) => rounded(b.similarity) - rounded(a.similarity) || (a.exit < b.exit ? -1 : 1))
    .slice(0, k)
    .map(({ id, similarity }) => ({ id, similarity }));
}

/** Expects the trades, order and cosines of brute force. */
async function expectBruteForce(answer: Answer, among: readonly Outcome[], k: number): Promise<void> {
  const expected = await bruteForce(among, k);
  expect(idsOf(answer)).toEqual(expected.map(({ id }) => id));
  answer.similar.forEach(({ similarity }, i) => expect(similarity).toBeCloseTo(expected[i]!.similarity, 6));
}

describe("recall", () => {
  test("finds the same trades as a comparison with every outcome, best first, five by default", async () => {
    const answer = await answerOf(folder);
    expect(answer).toMatchObject({ embedder: "hashing", market: "bars", remembered: 150, searched: 150, stderr: "" });
    await expectBruteForce(answer, outcomes, 5);
    await expectBruteForce(await answerOf(folder, "--k", "40"), outcomes, 40);
  });

  test("describes each trade as its outcome does", async () => {
    const [first] = (await answerOf(folder, "--k", "1")).similar;
    const outcome = outcomes.find(({ decision_id }) => decision_id === first?.decision_id);
    expect(first).toEqual({
      decision_id: outcome!.decision_id,
      similarity: first!.similarity,
      asset: outcome!.asset_pair,
      regime: outcome!.regime,
      action: outcome!.action,
      exit_timestamp: outcome!.exit_timestamp,
      won: outcome!.was_profitable,
      pnl_pct: outcome!.pnl_percentage,
      result_r: outcome!.result_r,
      sentence: `${outcome!.description.split(". ")[0]}.`,
    });
  });

  test("leaves out the sentence of a damaged outcome, and names its file", async () => {
    const dir = join(work, "damaged-outcome");
    await writeMemory(dir, outcomes.slice(0, 3));
    const path = join(dir, outcomeFileName(outcomes[1]!.decision_id));
    writeFileSync(path, readFileSync(path, "utf8").replace('"description"', '"descriptiom"'));
    const { code, stdout, stderr } = await ask(dir, "--json");
    expect([code, stderr]).toEqual([4, expect.stringContaining(outcomes[1]!.decision_id)]);
    const { similar } = JSON.parse(stdout) as { similar: readonly RecalledTrade[] };
    expect(similar.filter(({ sentence }) => sentence === undefined).map(({ decision_id }) => decision_id)).toEqual([
      outcomes[1]!.decision_id,
    ]);
  });

  test("searches only trades closed before --as-of", async () => {
    const asOf = outcomes[40]!.exit_timestamp;
    const before = outcomes.filter((outcome) => outcome.exit_timestamp < asOf);
    // A trade that closed at that very time is not searched.
    expect(before).toHaveLength(40);
    // A filter after the top five would miss some of them.
    const unfiltered = await bruteForce(outcomes, 5);
    expect(unfiltered.filter(({ id }) => before.some(({ decision_id }) => decision_id === id)).length).toBeLessThan(5);
    const answer = await answerOf(folder, "--as-of", asOf);
    expect(answer).toMatchObject({ as_of: asOf, remembered: 150, searched: 40 });
    await expectBruteForce(answer, before, 5);
  });

  test("searches only one asset or regime, in any case", async () => {
    const ofBoth = outcomes.filter(({ asset_pair, regime }) => asset_pair === "EURUSD" && regime === "RANGING");
    const answer = await answerOf(folder, "--asset", "eurusd", "--regime", "ranging", "--k", "8");
    expect(answer.searched).toBe(ofBoth.length);
    await expectBruteForce(answer, ofBoth, 8);
  });

  test("gives all trades if --k is larger than their number", async () => {
    const answer = await answerOf(folder, "--k", "1000");
    expect(answer.similar).toHaveLength(150);
    await expectBruteForce(answer, outcomes, 150);
  });

  test("prints a table of 80 columns, and how many of the trades won", async () => {
    const { code, stdout } = await ask(folder, "--k", "3", "--asset", "btcusd", "--as-of", "2021-01-20");
    expect(code).toBe(0);
    const lines = stdout.split("\n");
    expect(lines.slice(0, 3)).toEqual([
      `"${QUESTION}"`,
      "Nearest by hashing of 19 trades on real bars",
      "Filters: BTCUSD, closed before 2021-01-20",
    ]);
    expect(lines[4]).toMatch(/^Match +Closed +Regime +Side +R +P&L +Decision$/);
    for (const line of lines.slice(6, 9)) expect(line).toMatch(/^0\.\d{3} {2}2021-01-\d\d .* \d{8}T\d{4}-BTCUSD-/);
    for (const line of lines.slice(1, 9)) expect(line.length).toBeLessThanOrEqual(80);
    expect(lines[10]).toMatch(/^[0-3] of 3 won, mean [+-]?\d\.\d\d R$/);
  });

  test("writes asset and regime as the trades do", async () => {
    const { stdout } = await ask(folder, "--asset", "eurusd", "--regime", "ranging");
    expect(stdout).toContain("on real bars\nFilters: EURUSD, RANGING\n");
  });

  test("counts a trade of several runs once", async () => {
    const dir = join(work, "twice");
    const again = outcomes.map((outcome) => ({
      ...outcome,
      decision_id: `${outcome.decision_id.slice(0, -8)}ffff${outcome.decision_id.slice(-4)}`,
      run_id: "b".repeat(64),
    }));
    await writeMemory(dir, [...outcomes, ...again]);
    const answer = await answerOf(dir, "--k", "300");
    expect(answer.remembered).toBe(150);
    expect(idsOf(answer).toSorted()).toEqual(outcomes.map(({ decision_id }) => decision_id).toSorted());
  });

  test("reads beside a writer, takes no lock and writes nothing", async () => {
    await whileLocked(folder, async () => {
      const before = filesOf(folder);
      await expectBruteForce(await answerOf(folder), outcomes, 5);
      expect(filesOf(folder)).toEqual(before);
    });
  });
});

describe("recall computes vectors for its answer only, says how many, and writes nothing:", () => {
  test("for outcomes that the sidecar does not have yet", async () => {
    const dir = join(work, "behind");
    await writeMemory(dir, outcomes.slice(0, 140));
    for (const outcome of outcomes.slice(140)) {
      writeFileSync(join(dir, outcomeFileName(outcome.decision_id)), encodeOutcome(outcome).bytes);
    }
    const before = filesOf(dir);
    const answer = await answerOf(dir, "--k", "30");
    await expectBruteForce(answer, outcomes, 30);
    expect(answer.stderr).toBe(
      `Embedded 10 of 150 trades for this answer only; to store their vectors: bun ${PROJECT_DIR}/scripts/rebuild-vectors.ts --memory-dir ${dir}\n`,
    );
    expect(filesOf(dir)).toEqual(before);
  });

  test("it names damaged outcomes, leaves them where they are, and exits with 4", async () => {
    const dir = join(work, "broken");
    await writeMemory(dir, outcomes.slice(0, 5));
    const name = outcomeFileName(outcomes[1]!.decision_id);
    writeFileSync(join(dir, name), "");
    const before = filesOf(dir);
    const { code, stdout, stderr } = await ask(dir, "--json");
    expect(code).toBe(4);
    expect(stderr).toContain(`warning: Cannot read "${name}"`);
    expect((JSON.parse(stdout) as Answer).similar).toHaveLength(4);
    expect(filesOf(dir)).toEqual(before);
  });
});

describe("recall without an answer", () => {
  test("exits with 3 without the folder, and makes none", async () => {
    const before = filesOf(work);
    const { code, stderr } = await ask(join(work, "nowhere"));
    expect(code).toBe(3);
    expect(stderr).toContain("nowhere");
    expect(filesOf(work)).toEqual(before);
  });
});
