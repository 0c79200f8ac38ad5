/** recall: what test/scripts/recall.test.ts leaves out, as it takes long. `bun run test:slow` */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Outcome, SimilarTrade } from "../../lib/types.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { readVectors, VectorFiles } from "../../lib/memory/vectors.ts";
import { readSidecar } from "../../lib/memory/sidecar.ts";
import { HAS_MODEL, MODEL_DIR, PROJECT_DIR } from "../samples.ts";
import { makeOutcome, makeOutcomes } from "../memory/outcome-samples.ts";
import { filesOf, runScript, writeMemory, type ScriptResult } from "../scripts/run-script.ts";

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
  readonly similar: readonly SimilarTrade[];
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
  test.each([
    ["purple elephants in the market", true],
    ["12 elephants", true],
    // Every description has these words.
    ["momentum in", true],
    ["eurusd elephants", false],
    ["elephants oversold", false],
    ["elephants with RSI 61", false],
  ])("to %p warns that similarity is chance: %p", async (sentence, isWarned) => {
    const { code, stderr } = await runScript("recall.ts", [sentence, "--memory-dir", folder], { cwd: work });
    const warning =
      'warning: Similarity is chance: no word of this sentence describes a situation. See docs/CLI.md, "recall"\n';
    expect({ code, stderr }).toEqual({ code: 0, stderr: isWarned ? warning : "" });
  });

  test("says so if nothing is alike, since wins of such trades mean nothing", async () => {
    const ask2 = (sentence: string): Promise<ScriptResult> =>
      runScript("recall.ts", [sentence, "--memory-dir", folder, "--k", "2"], { cwd: work });
    expect((await ask2("purple elephants")).stdout).toBe(
      '"purple elephants"\nNearest by hashing of 150 trades on real bars\n\n' +
        "None of them is alike: the best match is 0.000, and 1 is the same\n",
    );
    expect((await ask2("BTCUSD is rising")).stdout).not.toContain("alike");
  });

  test("says how many more trades tie with the last one, which is shown only because it is older", async () => {
    const dir = join(work, "tied");
    // Four trades have the sentence that is asked for; three have others.
    const wild = (words: string): string => `BTCUSD in a volatile market: ${words}. Decided BUY.`;
    const sentences = ["falling", "rising", "rising", "rising", "rising", "going nowhere", "going nowhere"];
    const remembered = makeOutcomes(7).map((outcome, i) => ({ ...outcome, description: wild(sentences[i]!) }));
    await writeMemory(dir, remembered);
    const recall = (k: string, ...args: string[]): Promise<ScriptResult> =>
      runScript("recall.ts", ["rising", "--memory-dir", dir, "--k", k, ...args], { cwd: work });
    const tiedOf = async (k: string): Promise<unknown> =>
      (JSON.parse((await recall(k, "--json")).stdout) as { tied: unknown }).tied;
    expect([await tiedOf("1"), await tiedOf("3"), await tiedOf("4"), await tiedOf("7")]).toEqual([3, 1, 0, 0]);
    expect((await recall("1")).stdout).toEndWith(" R\n3 more tie with the last one: --k 4 shows all\n");
    expect((await recall("3")).stdout).toEndWith(" R\n1 more tie with the last one: --k 4 shows all\n");
    expect((await recall("4")).stdout).toMatch(/ R\n$/);
    expect((await recall("4")).stdout).not.toContain("tie with");
  });

  test("leaves synthetic trades out if there are real ones, and says so if there are no others", async () => {
    const mixed = join(work, "mixed");
    const synthetic = makeOutcomes(6, { market: "synthetic" }).slice(3);
    await writeMemory(mixed, [...outcomes.slice(0, 3), ...synthetic]);
    expect(await answerOf(mixed)).toMatchObject({ market: "bars", remembered: 3 });
    const made = join(work, "made");
    await writeMemory(made, synthetic);
    expect(await answerOf(made)).toMatchObject({ market: "synthetic", remembered: 3 });
    expect((await ask(made)).stdout).toContain("synthetic bars, which say nothing about a real market");
  });

  test("answers while a writer records, from what is stored by then", async () => {
    const dir = join(work, "writing");
    await writeMemory(dir, outcomes.slice(0, 10));
    const writing = writeMemory(dir, outcomes.slice(10));
    let least = 10;
    for (let i = 0; i < 4; i++) {
      const { searched, similar } = await answerOf(dir, "--k", "1000");
      expect(searched).toBeGreaterThanOrEqual(least);
      expect(similar).toHaveLength(searched);
      least = searched;
    }
    await writing;
    await expectBruteForce(await answerOf(dir), outcomes, 5);
  });
});

describe("recall computes vectors for its answer only, says how many, and writes nothing:", () => {
  test("for a damaged block, a short file, and no file at all", async () => {
    const dir = join(work, "damaged");
    await writeMemory(dir, outcomes);
    const vectors = join(dir, "vectors.f32");
    const bytes = readFileSync(vectors);
    bytes[777]! ^= 1;
    const harm = [() => writeFileSync(vectors, bytes), () => truncateSync(vectors, 1000), () => unlinkSync(vectors)];
    for (const damage of harm) {
      damage();
      const before = filesOf(dir);
      const answer = await answerOf(dir);
      await expectBruteForce(answer, outcomes, 5);
      expect(answer.stderr).toContain("Embedded 150 of 150 trades");
      expect(filesOf(dir)).toEqual(before);
    }
  });

  test("for vectors of another embedder", async () => {
    const dir = join(work, "other");
    const other = {
      ...hashingEmbedder(),
      fingerprint: "another",
      embed: () => Float32Array.from({ length: 128 }, (_, i) => (i === 7 ? 1 : 0)),
    };
    const memory = await openMemory(diskStorage(dir), { embedder: other });
    for (const outcome of outcomes) await memory.record(outcome);
    await memory.flush();
    const answer = await answerOf(dir);
    await expectBruteForce(answer, outcomes, 5);
    expect(answer.stderr).toContain("Embedded 150 of 150 trades");
    // The hint names this configuration, and works as printed.
    const config = join(dir, "its config.yaml");
    writeFileSync(config, JSON.stringify({ memory: { dir, embedder: "hashing" } }));
    const { stderr } = await runScript("recall.ts", [QUESTION, "--config", config], { cwd: work });
    const hint = `bun ${PROJECT_DIR}/scripts/rebuild-vectors.ts --config '${config}'`;
    expect(stderr).toEndWith(`: ${hint}\n`);
    const followed = Bun.spawnSync(["sh", "-c", hint.replace("bun", process.execPath)], {
      cwd: work,
      stderr: "pipe",
    });
    expect(followed.stderr.toString()).toBe(
      "Replacing 150 vectors by another version of hashing with vectors by hashing\n",
    );
    expect((await answerOf(dir)).stderr).toBe("");
  });

  test("for vectors that are not of unit length although their checksum is right; rebuild-vectors replaces them", async () => {
    const dir = join(work, "forged");
    await writeMemory(dir, outcomes);
    const sound = filesOf(dir);
    const storage = diskStorage(dir);
    const sidecar = await readSidecar(storage);
    if (sidecar === undefined) throw new Error("expected a sidecar");
    const vectors = (await Array.fromAsync(readVectors(storage, sidecar))).flat();
    const trades = sidecar.trades.map((trade, i) => ({ ...trade, vector: vectors[i]!.slice() }));
    trades[3]!.vector[5] = Number.NaN;
    trades[70]!.vector[5] = 7;
    await new VectorFiles(storage, hashingEmbedder()).write(trades, sidecar.digest);

    const answer = await answerOf(dir);
    await expectBruteForce(answer, outcomes, 5);
    expect(answer.stderr).toStartWith("Embedded 2 of 150 trades for this answer");
    const check = await runScript("memory-stats.ts", ["--check", "--memory-dir", dir]);
    expect([check.code, check.stdout]).toEqual([
      4,
      expect.stringContaining("2 of 150 rows that are not of unit length"),
    ]);
    await runScript("rebuild-vectors.ts", ["--memory-dir", dir]);
    expect(filesOf(dir)).toEqual(sound);
  });
});

describe("recall without an answer", () => {
  test("says that nothing is remembered, and invents nothing", async () => {
    const empty = join(work, "empty");
    mkdirSync(empty);
    const { code, stdout } = await ask(empty, "--asset", "BTCUSD");
    expect([code, stdout]).toEqual([
      0,
      `Nothing is remembered yet; bun ${PROJECT_DIR}/scripts/run-chunks.ts stores every closed trade\n`,
    ]);
    expect(await answerOf(empty)).toMatchObject({ remembered: 0, searched: 0, similar: [] });
    expect(filesOf(empty)).toEqual({});
    const early = await ask(folder, "--as-of", "2020-01-01");
    expect([early.code, early.stdout]).toEqual([
      0,
      "No remembered trades on real bars\nFilters: closed before 2020-01-01\n",
    ]);
    expect(await answerOf(folder, "--as-of", "2020-01-01")).toMatchObject({ remembered: 150, similar: [] });
  });

  test.each([
    [2, "no words", [], "expected words on a situation"],
    [2, "numbers alone", ["61 -- 0.5"], "expected words on a situation"],
    [2, "a day that does not exist", [QUESTION, "--as-of", "2021-02-30"], 'found "2021-02-30"'],
    [2, "no trades", [QUESTION, "--k", "0"], "must be a whole number, 1 or more"],
    [2, "an empty asset", [QUESTION, "--asset", ""], '--asset needs a value (A), found ""'],
    [2, "a time like a flag", [QUESTION, "--as-of", "-5"], "--as-of must be a date such as"],
    [3, "an unknown asset", [QUESTION, "--asset", "DOGE"], 'expected "BTCUSD", "ETHUSD", "EURUSD"'],
    [3, "an unknown regime", [QUESTION, "--regime", "calm"], 'expected "RANGING", "TRENDING", "VOLATILE"'],
  ])("exits with %i for %s", async (expected, _what, args, message) => {
    const { code, stdout, stderr } = await runScript("recall.ts", [...args, "--memory-dir", folder], { cwd: work });
    expect([code, stdout]).toEqual([expected, ""]);
    expect(stderr).toContain(message);
  });
});

describe("recall uses the embedder", () => {
  test("of the configuration, and exits with 3 if the sentence model is missing", async () => {
    const home = join(work, "home");
    mkdirSync(home);
    writeFileSync(join(home, "config.yaml"), `memory: { dir: ${folder}, embedder: onnx, model_dir: no-model }\n`);
    const { code, stderr } = await runScript("recall.ts", [QUESTION], { cwd: home });
    expect(code).toBe(3);
    expect(stderr).toContain("/scripts/fetch-model.ts --model-dir ");
    // With --memory-dir alone, it is the embedder of the stored vectors.
    const named = await runScript("recall.ts", [QUESTION, "--memory-dir", folder, "--json"], { cwd: home });
    expect(JSON.parse(named.stdout)).toMatchObject({ embedder: "hashing" });
  });

  test.skipIf(!HAS_MODEL)(
    `of the stored vectors: the sentence model${HAS_MODEL ? "" : " (skipped: the sentence model is missing)"}`,
    async () => {
      const home = join(work, "model");
      const dir = join(home, "memory");
      mkdirSync(home);
      const sentences = ["Prices collapse in a panic.", "Nothing moves at all.", "The market climbs calmly."];
      await writeMemory(
        dir,
        sentences.map((sentence, i) =>
          makeOutcome({
            decision_id: `20210104T1200-BTCUSD-0000000${i}`,
            exit_timestamp: `2021-01-0${5 + i}T08:00:00.000Z`,
            description: `${sentence} Decided BUY.`,
          }),
        ),
      );
      writeFileSync(
        join(home, "config.yaml"),
        JSON.stringify({ memory: { dir, embedder: "onnx", model_dir: MODEL_DIR } }),
      );
      const asked = ["a crash, everybody is selling", "--json"];
      const first = await runScript("recall.ts", asked, { cwd: home });
      expect(first.stderr).toContain("Embedded 3 of 3 trades");
      expect((await runScript("rebuild-vectors.ts", [], { cwd: home })).code).toBe(0);
      // No word in common: only the model knows that a crash is like a panic.
      const second = await runScript("recall.ts", [...asked, "--memory-dir", dir], { cwd: home });
      expect(second.stderr).toBe("");
      expect(second.stdout).toBe(first.stdout);
      const answer = JSON.parse(second.stdout) as Answer;
      expect(answer.embedder).toBe("onnx");
      expect(idsOf(answer)[0]).toBe("20210104T1200-BTCUSD-00000000");
    },
  );
});
