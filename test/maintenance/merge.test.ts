import { beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { checkOnce } from "../../lib/maintenance/check.ts";
import { mergeMemories, type MergeResult } from "../../lib/maintenance/merge.ts";
import { encodeForgetMark } from "../../lib/memory/forget.ts";
import { encodeOutcome, outcomeFileName } from "../../lib/memory/outcome.ts";
import { readLabels, setLabel } from "../../lib/runs/labels.ts";
import { encodeSealedJson } from "../../lib/storage/sealed-json.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { encodeJson } from "../../lib/util/json.ts";
import { resumeJob } from "../backtest/resume-samples.ts";
import { filesOf, runOn } from "../backtest/world-samples.ts";
import { recount } from "../memory/folder-samples.ts";
import { makeOutcome, makeOutcomes } from "../memory/outcome-samples.ts";
import { failureOf } from "../storage/storage-contract.ts";
import { RunFolder } from "./run-folder.ts";

type Files = Readonly<Record<string, Uint8Array>>;

async function folderOf(files: Files): Promise<Storage> {
  const storage = inMemoryStorage();
  for (const [name, bytes] of Object.entries(files)) await storage.replace(name, bytes);
  return storage;
}

async function merge(...sources: readonly Storage[]): Promise<Storage & { readonly result: MergeResult }> {
  const target = inMemoryStorage();
  const result = await mergeMemories(sources, target, { embedder: hashingEmbedder() });
  return Object.assign(target, { result });
}

/** The outcome files of made-up trades. */
const OUTCOMES: readonly [string, Uint8Array][] = makeOutcomes(12).map((outcome) => [
  outcomeFileName(outcome.decision_id),
  encodeOutcome(outcome).bytes,
]);
const MARKS = ["trend", "reversion"].map((provider) => encodeForgetMark({ provider, beforeMs: Date.UTC(2021, 0, 2) }));
const SNAPSHOT_RUNS = ["a".repeat(64), "b".repeat(64), "c".repeat(64)];

function snapshotOf(runId: string): Uint8Array {
  return encodeSealedJson({ timestamp: "2021-02-01T00:00:00.000Z", run_id: runId });
}

let run: RunFolder;
beforeAll(async () => {
  run = await RunFolder.make();
});

/** The files of a run that was stopped after some of its four chunks. */
function filesOfRun(chunks: number): Files {
  const names = ["2018-02-08_10d", "2018-02-18_10d", "2018-02-28_10d", "2018-03-10_10d"];
  const cut = names.slice(chunks);
  const chunkOf = (bytes: Uint8Array): string => JSON.parse(new TextDecoder().decode(bytes)).chunk;
  return Object.fromEntries(
    [...run.files].filter(([name, bytes]) => {
      if (name.startsWith("outcome_")) return !cut.includes(chunkOf(bytes));
      if (name.endsWith("/summary.json")) return cut.length === 0;
      // Its mark is part of what the run depends on.
      if (name.startsWith("forget_")) return true;
      return name.startsWith("runs/") && !name.endsWith("labels.json") && !cut.some((each) => name.includes(each));
    }),
  );
}

/** A memory folder with a random part of everything. */
const folder = fc
  .record({
    outcomes: fc.subarray([...OUTCOMES]),
    marks: fc.subarray(MARKS),
    chunks: fc.integer({ min: 0, max: 4 }),
    /** In the order in which they were written: the first has the plain name. */
    snapshots: fc.shuffledSubarray(SNAPSHOT_RUNS),
  })
  .map(({ outcomes, marks, chunks, snapshots }): Files => {
    const named = snapshots.map((id, i): [string, Uint8Array] => [
      `snapshot_20210201_000000${i === 0 ? "" : `_${id.slice(0, 8)}`}.json`,
      snapshotOf(id),
    ]);
    return {
      ...Object.fromEntries([...outcomes, ...marks.map(({ name, bytes }) => [name, bytes] as const), ...named]),
      ...(chunks === 0 ? {} : filesOfRun(chunks)),
    };
  });

describe("mergeMemories()", () => {
  test("gives the same bytes in any order and any grouping, and loses nothing", async () => {
    await fc.assert(
      fc.asyncProperty(folder, folder, folder, async (a, b, c) => {
        const [x, y, z] = await Promise.all([a, b, c].map(folderOf));
        const merged = await merge(x!, y!, z!);
        const files = await filesOf(merged);
        expect(await filesOf(await merge(z!, x!, y!))).toEqual(files);
        expect(await filesOf(await merge(await merge(x!, y!), z!))).toEqual(files);
        expect(await filesOf(await merge(x!, await merge(z!, y!)))).toEqual(files);
        // Merged with itself it is the same.
        expect(await filesOf(await merge(merged, merged))).toEqual(files);

        const contents = new Set(Object.values(files));
        for (const hash of Object.values({ ...(await filesOf(x!)), ...(await filesOf(y!)), ...(await filesOf(z!)) })) {
          expect(contents).toContain(hash);
        }
        expect((await checkOnce(merged)).findings).toEqual([]);
      }),
      { numRuns: 4 },
    );
  }, 120_000);

  test("makes the caches that the merged outcomes have by themselves", async () => {
    const merged = await merge(
      await folderOf(Object.fromEntries(OUTCOMES.slice(0, 7))),
      await folderOf(Object.fromEntries(OUTCOMES.slice(5))),
    );
    expect(merged.result).toEqual({ outcomes: 12, forget_marks: 0, snapshots: 0, runs: 0, shared_files: 2 });
    const caches = await recount(merged);
    for (const [name, bytes] of Object.entries(caches)) {
      expect(await merged.read(name, { maxBytes: 1 << 28 })).toEqual(bytes);
    }
  });

  test("lets a run go on that one folder has further than the other", async () => {
    const merged = await merge(await folderOf(filesOfRun(1)), await folderOf(filesOfRun(3)));
    const { chunksRun } = await runOn(merged, resumeJob());
    expect(chunksRun).toEqual(["2018-03-10_10d"]);
  });

  test("unites labels, and refuses one that two runs have or two of one run", async () => {
    const labelled = async (id: string, label: string): Promise<Storage> => {
      const storage = inMemoryStorage();
      await setLabel(storage, id, label);
      return storage;
    };
    const [a, b] = ["1".repeat(64), "2".repeat(64)];
    const merged = await merge(await labelled(a, "first"), await labelled(b, "second"));
    expect([...(await readLabels(merged))]).toEqual([
      [a, "first"],
      [b, "second"],
    ]);
    expect(await failureOf(merge(await labelled(a, "x"), await labelled(b, "x")))).toEqual({
      code: "CONFLICT",
      message: 'Cannot merge the label "x": found the runs 111111111111 and 222222222222 with it, expected one',
    });
    expect((await failureOf(merge(await labelled(a, "x"), await labelled(a, "y")))).message).toBe(
      'Cannot merge run 111111111111: found the labels "x" and "y", expected one',
    );
  });

  test("refuses other content under one name, and names every such file", async () => {
    const [first, second] = makeOutcomes(2);
    const files = (pnl: number): Files =>
      Object.fromEntries(
        [first!, second!].map((outcome) => [
          outcomeFileName(outcome.decision_id),
          encodeOutcome({ ...outcome, realized_pnl: pnl }).bytes,
        ]),
      );
    const target = inMemoryStorage();
    const sources = [await folderOf(files(1)), await folderOf(files(2))];
    const { code, message } = await failureOf(mergeMemories(sources, target, { embedder: hashingEmbedder() }));
    expect(code).toBe("CONFLICT");
    expect(message.split("\n")).toEqual(
      [first!, second!].map(({ decision_id: id }) => {
        const name = `"memory/${outcomeFileName(id)}"`;
        return `Cannot merge ${name}: found other content than in ${name}, expected the same`;
      }),
    );
    expect(await target.list()).toEqual({ files: [], folders: [] });
  });

  test("refuses names that differ only in case, which some file systems take for one", async () => {
    const named = async (id: string): Promise<Storage> =>
      folderOf({ [outcomeFileName(id)]: encodeOutcome(makeOutcome({ decision_id: id })).bytes });
    const { code, message } = await failureOf(merge(await named("a-1"), await named("A-1")));
    expect([code, message]).toEqual([
      "CONFLICT",
      'Cannot merge "memory/outcome_A-1.json": found "memory/outcome_a-1.json", expected names that differ by more than case',
    ]);
  });

  test("refuses a damaged folder, and says how to repair it", async () => {
    const [name, bytes] = OUTCOMES[0]!;
    const damaged = bytes.slice();
    damaged[40]! ^= 1;
    const { code, message } = await failureOf(merge(await folderOf({ [name]: damaged })));
    expect(code).toBe("CORRUPT");
    expect(message).toContain(`found damage (Cannot read "${name}"`);
    expect(message).toContain("memory-stats --check names it");
  });

  test("leaves out what is nobody's outcome, and says so", async () => {
    const notes: string[] = [];
    const source = await folderOf({ ...Object.fromEntries(OUTCOMES), "outcome_list.json": encodeJson({ mine: 1 }) });
    const target = inMemoryStorage();
    await mergeMemories([source], target, { embedder: hashingEmbedder(), onNote: (text) => notes.push(text) });
    expect(notes).toEqual(['Left out "memory/outcome_list.json": it is no outcome']);
    expect(Object.keys(await filesOf(target))).not.toContain("outcome_list.json");
  });
});
