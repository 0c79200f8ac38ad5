import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import type { Outcome } from "../../lib/types.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { encodeJson } from "../../lib/util/json.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { openMemory, type Memory } from "../../lib/memory/store.ts";
import { encodeOutcome, outcomeFileName } from "../../lib/memory/outcome.ts";
import { decodeSidecar, encodeSidecar, readSidecar, SIDECAR_FILE } from "../../lib/memory/sidecar.ts";
import { failureOf, textOf, utf8 } from "../storage/storage-contract.ts";
import { bytesOf, CACHES, cachesOf, countingEmbedder, recount } from "./folder-samples.ts";
import { makeOutcome, makeOutcomes, makeVote } from "./outcome-samples.ts";
import { overrideCalls } from "../storage/override-calls.ts";

const open = (storage: Storage): Promise<Memory> => openMemory(storage, { embedder: hashingEmbedder() });

async function remember(outcomes: readonly Outcome[]): Promise<{ storage: Storage; memory: Memory }> {
  const storage = inMemoryStorage();
  const memory = await open(storage);
  for (const outcome of outcomes) await memory.record(outcome);
  await memory.flush();
  return { storage, memory };
}

/** Fourteen trades of two runs: equal exits, several providers in any order, odd names. */
const POOL: readonly Outcome[] = makeOutcomes(14).map((outcome, i) => ({
  ...outcome,
  run_id: (i % 2 === 0 ? "a" : "b").repeat(64),
  exit_timestamp: `2021-01-${String(10 + Math.floor(i / 3)).padStart(2, "0")}T00:00:00.000Z`,
  realized_pnl: 0.1 * (i + 1) * (i % 2 === 0 ? 1 : -1),
  votes: ["zeta", "__proto__", "alpha", "7", "constructor"]
    .filter((_, p) => (i + p) % 3 !== 0)
    .map((provider, p) => makeVote(provider, (["BUY", "SELL", "HOLD"] as const)[(i + p) % 3] as "BUY")),
}));

describe("the caches depend only on the set of outcomes", () => {
  const which = fc.nat(POOL.length - 1);
  const command = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("record" as const), outcome: which }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("discard" as const), outcome: which }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove by hand" as const), outcome: which }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("forget" as const), day: fc.integer({ min: 9, max: 15 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("flush" as const) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("reopen" as const) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("delete" as const), file: fc.constantFrom(...CACHES) }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant("damage" as const), file: fc.constantFrom(...CACHES), at: fc.nat() }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("lengthen" as const), file: fc.constantFrom(...CACHES) }) },
  );

  test("after any sequence of records, discards, marks, flushes, deletions and damages", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 30 }), async (commands) => {
        const storage = inMemoryStorage();
        let memory = await open(storage);
        for (const next of commands) {
          if (next.kind === "record") await memory.record(POOL[next.outcome]!);
          else if (next.kind === "flush") await memory.flush();
          else if (next.kind === "forget") {
            await memory.forget({ provider: "alpha", beforeMs: Date.UTC(2021, 0, next.day) });
          } else if (next.kind === "discard") {
            const { decision_id: id } = POOL[next.outcome]!;
            if (memory.trades.some((trade) => trade.id === id)) await memory.discard([id]);
          } else {
            if (next.kind === "remove by hand") {
              await storage.remove(outcomeFileName(POOL[next.outcome]!.decision_id));
            } else if (next.kind === "delete") await storage.remove(next.file);
            else if (next.kind !== "reopen") {
              const bytes = await bytesOf(storage, next.file).catch(() => new Uint8Array());
              if (next.kind === "lengthen") await storage.replace(next.file, Uint8Array.from([...bytes, 1, 2, 3]));
              else if (bytes.length > 0) {
                bytes[next.at % bytes.length]! ^= 1 << (next.at % 8);
                await storage.replace(next.file, bytes);
              }
            }
            memory = await open(storage);
            expect(await cachesOf(storage)).toEqual(await recount(storage));
          }
        }
        await memory.flush();
        expect(await cachesOf(storage)).toEqual(await recount(storage));
      }),
      { numRuns: 60 },
    );
  });

  test("an unchanged folder opens without parsing an outcome, making a vector or writing a byte", async () => {
    const { storage } = await remember(makeOutcomes(20));
    const read: string[] = [];
    const watched = overrideCalls(storage, {
      read: (name, options) => {
        read.push(name);
        return storage.read(name, options);
      },
      replace: (name) => Promise.reject(new Error(`wrote ${name}`)),
      appendAt: (name) => Promise.reject(new Error(`wrote ${name}`)),
    });
    const memory = await open(watched);
    expect(memory.trades.length).toBe(20);
    expect(memory.embedded).toBe(0);
    expect(read.toSorted()).toEqual([...CACHES].toSorted());
  });

  test("of a folder with one new outcome, that one alone is parsed and embedded", async () => {
    const [first, ...rest] = makeOutcomes(6) as [Outcome, ...Outcome[]];
    const { storage } = await remember(rest);
    await storage.createOnce(outcomeFileName(first.decision_id), encodeOutcome(first).bytes);
    const { embedder, sentences } = countingEmbedder();
    const memory = await openMemory(storage, { embedder });
    expect(sentences.length).toBe(1);
    expect(memory.trades[0]?.id).toBe(first.decision_id);
    expect(await cachesOf(storage)).toEqual(await recount(storage));
  });

  test("an empty folder gets empty statistics when it is first opened", async () => {
    const storage = inMemoryStorage();
    await open(storage);
    expect(await textOf(storage, "provider_performance.json")).toBe("{}\n");
    expect(await textOf(storage, "regime_performance.json")).toBe("{}\n");
    expect((await bytesOf(storage, "vectors.f32")).length).toBe(0);
  });

  test("memory.json says what was counted, by a SHA-256 of names and sizes that a shell can compute", async () => {
    const { storage, memory } = await remember([makeOutcome()]);
    await memory.forget({ provider: "trend", beforeMs: 0 });
    await memory.flush();
    const { files } = await storage.list();
    const lines = files
      .filter(({ name }) => /^(outcome|forget)_/.test(name))
      .map(({ name, size }) => `${name} ${size}\n`)
      .join("");
    expect(JSON.parse((await textOf(storage, "memory.json")) ?? "")).toEqual({
      format: "carryover-memory",
      version: 3,
      outcomes: 1,
      forget_marks: 1,
      digest: new Bun.CryptoHasher("sha256").update(lines).digest("hex"),
      crc32: Object.fromEntries(
        await Promise.all(
          ["provider_performance.json", "regime_performance.json"].map(async (name) => [
            name,
            crc32(await bytesOf(storage, name))
              .toString(16)
              .padStart(8, "0"),
          ]),
        ),
      ),
    });
  });

  test("the statistics count a trade of several runs once, and no synthetic trade beside those on real bars", async () => {
    const made = makeOutcome();
    const again = { ...made, decision_id: "20210104T1200-BTCUSD-ffffffff", run_id: "b".repeat(64), realized_pnl: 7 };
    const synthetic = { ...made, decision_id: "20210104T1200-BTCUSD-00000000", market: "synthetic" } as const;
    const once = { total_trades: 1, winning_trades: 1, total_pnl: made.realized_pnl, mean_result_r: 1.5 };
    for (const outcomes of [[again, synthetic, made], [synthetic]]) {
      const { storage } = await remember(outcomes);
      for (const name of ["provider_performance.json", "regime_performance.json"]) {
        const records = Object.values(JSON.parse((await textOf(storage, name)) ?? "") as object);
        expect(records).toContainEqual(once);
        expect(records.filter(({ total_trades }) => total_trades > 1)).toEqual([]);
      }
    }
  });

  test("statistics of an older version, which counted otherwise, are counted again", async () => {
    const { storage } = await remember([makeOutcome()]);
    const caches = await cachesOf(storage);
    const provider = new TextEncoder().encode('{"trend":{}}\n');
    const memory = JSON.parse((await textOf(storage, "memory.json")) ?? "") as { crc32: Record<string, string> };
    const crc = crc32(provider).toString(16).padStart(8, "0");
    const older = { ...memory, version: 1, crc32: { ...memory.crc32, "provider_performance.json": crc } };
    await storage.replace("provider_performance.json", provider);
    await storage.replace("memory.json", encodeJson(older));
    await open(storage);
    expect(await cachesOf(storage)).toEqual(caches);
  });

  test("while trades are recorded, the caches are at most 512 outcomes behind", async () => {
    const storage = inMemoryStorage();
    const memory = await open(storage);
    const cached: Record<number, number | undefined> = {};
    for (const [i, outcome] of makeOutcomes(1025).entries()) {
      await memory.record(outcome);
      if (i % 512 === 0 || i % 512 === 511) cached[i + 1] = (await readSidecar(storage))?.trades.length;
    }
    expect(cached).toEqual({ 1: 0, 512: 0, 513: 512, 1024: 512, 1025: 1024 });
  });

  test("rebuildVectors makes the same vectors again", async () => {
    const { storage } = await remember(makeOutcomes(5));
    const before = await cachesOf(storage);
    const { embedded } = await openMemory(storage, { embedder: hashingEmbedder(), rebuildVectors: true });
    expect(embedded).toBe(5);
    expect(await cachesOf(storage)).toEqual(before);
  });
});

describe("record()", () => {
  test("has written the outcome and inserted the trade in order when it returns", async () => {
    const [early, late] = makeOutcomes(2) as [Outcome, Outcome];
    const storage = inMemoryStorage();
    const memory = await open(storage);
    await memory.record(late);
    const { id, vector } = await memory.record(early);
    expect(await bytesOf(storage, outcomeFileName(early.decision_id))).toEqual(encodeOutcome(early).bytes);
    expect(memory.trades.map((trade) => trade.id)).toEqual([early.decision_id, late.decision_id]);
    expect([id, vector.length]).toEqual([early.decision_id, 128]);
  });

  test("takes the same outcome again, and refuses another of its id: the first stays", async () => {
    const { storage, memory } = await remember([makeOutcome()]);
    const again = await memory.record(makeOutcome());
    expect(again).toBe(memory.trades[0] as typeof again);
    expect((await failureOf(memory.record(makeOutcome({ realized_pnl: 1 })))).code).toBe("CONFLICT");
    expect(memory.trades.map((trade) => trade.pnl)).toEqual([110.010016875]);
    expect(await bytesOf(storage, outcomeFileName(makeOutcome().decision_id))).toEqual(
      encodeOutcome(makeOutcome()).bytes,
    );
  });

  test("names a damaged file in the place of an outcome as damage, and how it is repaired", async () => {
    const [outcome] = makeOutcomes(1);
    const { storage, memory } = await remember([outcome!]);
    const name = outcomeFileName(outcome!.decision_id);
    const bytes = (await bytesOf(storage, name))!.slice();
    bytes[bytes.length >> 1]! ^= 1;
    await storage.replace(name, bytes);
    const { code, message } = await failureOf(memory.record(outcome!));
    expect(code).toBe("CORRUPT");
    expect(message).toStartWith(`Cannot record "${outcome!.decision_id}": found a damaged file in its place (`);
    expect(message).toContain("memory-stats --check");
    await memory.discard([outcome!.decision_id]);
    await memory.record(outcome!);
    expect(memory.trades.map(({ id }) => id)).toEqual([outcome!.decision_id]);
  });

  test("takes what the outcome says in place of what the caches said", async () => {
    const { storage } = await remember(POOL.slice(0, 2));
    const memory = await open(storage);
    const [known] = memory.trades as (typeof memory.trades)[number][];
    // As caches of another folder might say.
    (memory.trades as (typeof known)[])[0] = { ...known!, pnl: 7 };
    await memory.record(POOL.find(({ decision_id: id }) => id === known!.id)!);
    expect(memory.trades.map(({ id, pnl }) => [id, pnl])).toEqual(
      (await open(storage)).trades.map(({ id, pnl }) => [id, pnl]),
    );
    expect(memory.trades).toHaveLength(2);
  });

  test("refuses an id that differs from a known one by case alone, as some file systems ignore case", async () => {
    const { memory } = await remember([makeOutcome({ decision_id: "abc" })]);
    const { code, message } = await failureOf(memory.record(makeOutcome({ decision_id: "ABC" })));
    expect(code).toBe("BAD_OUTCOME");
    expect(message).toBe('Cannot record "ABC": found "abc", expected ids that differ by more than case');
  });

  test.each([
    [{ decision_id: "../x" }],
    [{ asset_pair: "../x" }],
    [{ realized_pnl: NaN }],
    [{ exit_timestamp: "soon" }],
  ])("writes nothing for an outcome with %j", async (changes) => {
    const storage = inMemoryStorage();
    const memory = await open(storage);
    expect((await failureOf(memory.record(makeOutcome(changes)))).code).toBe("BAD_OUTCOME");
    expect((await storage.list()).files.map(({ name }) => name)).toEqual([...CACHES].toSorted());
    expect(memory.trades).toEqual([]);
  });

  test("writes nothing for an outcome whose vector is not finite", async () => {
    const storage = inMemoryStorage();
    const embedder = { ...hashingEmbedder(), embed: () => new Float32Array(128).fill(NaN) };
    const memory = await openMemory(storage, { embedder });
    const { code, message } = await failureOf(memory.record(makeOutcome()));
    expect(code).toBe("BAD_OUTCOME");
    expect(message).toContain("found vector[0] NaN");
    expect(await storage.read(outcomeFileName(makeOutcome().decision_id), { maxBytes: 1 })).toBeUndefined();
  });

  test("may be called again before it has returned, with calls of flush() in between", async () => {
    const storage = inMemoryStorage();
    const memory = await open(storage);
    const outcomes = makeOutcomes(100);
    await Promise.all([...outcomes, ...outcomes].flatMap((outcome) => [memory.record(outcome), memory.flush()]));
    expect(memory.trades.length).toBe(100);
    expect(await cachesOf(storage)).toEqual(await recount(storage));
  });

  test("works again after a call that failed", async () => {
    const memory = await open(inMemoryStorage());
    await failureOf(memory.record(makeOutcome({ realized_pnl: NaN })));
    await memory.record(makeOutcome());
    expect(memory.trades.length).toBe(1);
  });
});

/** A storage whose outcomes are created when `release` is called: at once, or not at all with an error. */
function holdOutcomes(): { storage: Storage; held: { name: string; release: (error?: Error) => void }[] } {
  const real = inMemoryStorage();
  const held: { name: string; release: (error?: Error) => void }[] = [];
  const storage = overrideCalls(real, {
    createOnce: (name, bytes) =>
      new Promise((resolve, reject) => {
        const release = (error?: Error): void =>
          error === undefined ? resolve(real.createOnce(name, bytes)) : reject(error);
        held.push({ name, release });
      }),
  });
  return { storage, held };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("beginRecord()", () => {
  test("remembers the trade at once, and several outcomes are on their way to disk at a time", async () => {
    const { storage, held } = holdOutcomes();
    const memory = await open(storage);
    const outcomes = makeOutcomes(64);
    const begun = [];
    for (const outcome of outcomes) begun.push(await memory.beginRecord(outcome));
    expect(begun.map(({ trade }) => trade)).toEqual([...memory.trades]);
    expect(held.map(({ name }) => name)).toEqual(outcomes.map((outcome) => outcomeFileName(outcome.decision_id)));
    let durable = 0;
    for (const each of begun) void each.durable.then(() => (durable += 1));
    await turn();
    expect(durable).toBe(0);
    for (const { release } of held) release();
    await turn();
    expect(durable).toBe(64);
  });

  test("whose outcome cannot be written is not remembered after all, and can be recorded again", async () => {
    const { storage, held } = holdOutcomes();
    const memory = await open(storage);
    const [first, second] = makeOutcomes(2) as [Outcome, Outcome];
    const begun = [await memory.beginRecord(first), await memory.beginRecord(second)];
    const failure = begun[0]!.durable.catch((error: unknown) => error);
    held.shift()!.release(new Error("ENOSPC"));
    expect(await failure).toEqual(new Error("ENOSPC"));
    expect(memory.trades.map(({ id }) => id)).toEqual([second.decision_id]);
    held.shift()!.release();
    const again = memory.record(first);
    await turn();
    held.shift()!.release();
    await again;
    expect(memory.trades.map(({ id }) => id)).toEqual([first.decision_id, second.decision_id]);
    await memory.flush();
    expect(await cachesOf(storage)).toEqual(await recount(storage));
  });

  test("flush() and discard() wait for outcomes that are on their way to disk", async () => {
    for (const wait of ["flush", "discard"] as const) {
      const { storage, held } = holdOutcomes();
      const memory = await open(storage);
      const { trade } = await memory.beginRecord(makeOutcome());
      let isDone = false;
      const done = (wait === "flush" ? memory.flush() : memory.discard([trade.id])).then(() => (isDone = true));
      await turn();
      expect(isDone).toBeFalse();
      held[0]!.release();
      await done;
      if (wait === "flush") expect(await cachesOf(storage)).toEqual(await recount(storage));
      else expect((await storage.list("quarantine")).files).toHaveLength(1);
    }
  });

  test("of the same outcome while it is on its way waits for it, and writes it if that failed", async () => {
    const { storage, held } = holdOutcomes();
    const memory = await open(storage);
    const first = memory.record(makeOutcome()).catch((error: Error) => error.message);
    const second = memory.record(makeOutcome());
    await turn();
    expect(held).toHaveLength(1);
    held.shift()!.release(new Error("ENOSPC"));
    expect(await first).toBe("ENOSPC");
    await turn();
    held.shift()!.release();
    expect(memory.trades).toEqual([await second]);
  });
});

describe("discard()", () => {
  test("moves outcomes to quarantine and out of all counts", async () => {
    const outcomes = makeOutcomes(4);
    const { storage, memory } = await remember(outcomes);
    const [first, second] = outcomes as [Outcome, Outcome];
    await memory.discard([first.decision_id, second.decision_id]);
    await memory.flush();
    expect(memory.trades.length).toBe(2);
    expect((await storage.list("quarantine")).files.length).toBe(2);
    expect(await cachesOf(storage)).toEqual(await recount(storage));
    await memory.record(first);
    expect(memory.trades.length).toBe(3);
  });

  test("fails for an unknown id and moves nothing", async () => {
    const { memory } = await remember(makeOutcomes(2));
    expect(await failureOf(memory.discard(["other"]))).toEqual({
      code: "NOT_FOUND",
      message: 'Cannot discard "other": found no such outcome, expected a remembered one',
    });
    expect(memory.trades.length).toBe(2);
  });
});

describe("what is damaged", () => {
  test("is moved to quarantine and named, and the other files load", async () => {
    const outcomes = makeOutcomes(3);
    const { storage } = await remember(outcomes);
    const good = (await cachesOf(storage))["provider_performance.json"];
    const [first] = outcomes as [Outcome];
    const digitFlipped = encodeOutcome({ ...first, decision_id: "flipped" }).bytes;
    const text = new TextDecoder().decode(digitFlipped);
    const files: Record<string, Uint8Array> = {
      "outcome_empty.json": new Uint8Array(),
      "outcome_nuls.json": new Uint8Array(500),
      "outcome_cut.json": digitFlipped.subarray(0, 900),
      "outcome_flipped.json": utf8(text.replace('"result_r": 1.5', '"result_r": 1.6')),
      "outcome_list.json": utf8("[]"),
      "outcome_deep.json": utf8("[".repeat(100_000)),
      "outcome_huge.json": new Uint8Array(3 << 20),
      "outcome_my trade.json": utf8('{"decision_id": "my trade"}'),
      "forget_00000000.json": utf8("{}"),
      // The same name to a file system that ignores case.
      [outcomeFileName(first.decision_id.toLowerCase())]: utf8("{}"),
    };
    for (const [name, bytes] of Object.entries(files)) await storage.replace(name, bytes);
    const memory = await open(storage);
    expect(memory.damaged.map(({ name }) => name).toSorted()).toEqual(Object.keys(files).toSorted());
    for (const { name, problem } of memory.damaged) expect(problem).toStartWith(`Cannot read "${name}": `);
    expect((await storage.list("quarantine")).files.map(({ name }) => name)).toEqual(Object.keys(files).toSorted());
    expect(memory.trades.map((trade) => trade.id)).toEqual(outcomes.map((outcome) => outcome.decision_id));
    expect((await cachesOf(storage))["provider_performance.json"]).toEqual(good as Uint8Array);
    expect((await open(storage)).damaged).toEqual([]);
  });

  test.skipIf(process.platform === "win32")(
    "or a link is moved to quarantine, and what it leads to is not read",
    async () => {
      const dir = mkdtempSync(join(tmpdir(), "carryover-memory-"));
      try {
        const outside = join(dir, "outside.json");
        writeFileSync(outside, encodeOutcome(makeOutcome({ decision_id: "linked" })).bytes);
        const storage = diskStorage(join(dir, "memory"));
        await (await open(storage)).record(makeOutcome());
        symlinkSync(outside, join(dir, "memory", "outcome_linked.json"));
        const memory = await open(storage);
        expect(memory.damaged.map(({ name }) => name)).toEqual(["outcome_linked.json"]);
        expect(memory.damaged[0]?.problem).toContain("found a symbolic link");
        expect(memory.trades.length).toBe(1);
        expect(readFileSync(outside)).toEqual(Buffer.from(encodeOutcome(makeOutcome({ decision_id: "linked" })).bytes));
      } finally {
        rmSync(dir, { recursive: true });
      }
    },
  );

  test("and is of 1 GB is not read to its end", async () => {
    const dir = mkdtempSync(join(tmpdir(), "carryover-memory-"));
    try {
      const storage = diskStorage(dir);
      await (await open(storage)).record(makeOutcome());
      const huge = join(dir, "outcome_huge.json");
      writeFileSync(huge, "{");
      // A hole: it takes no room on the disk.
      truncateSync(huge, 1 << 30);
      const before = process.memoryUsage.rss();
      const memory = await open(storage);
      expect(process.memoryUsage.rss() - before).toBeLessThan(1 << 28);
      expect(memory.damaged.map(({ problem }) => problem)).toEqual([
        'Cannot read "outcome_huge.json": found more than 1048576 bytes, expected fewer',
      ]);
      expect(memory.trades.length).toBe(1);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test("is found when all outcomes are read, even if the caches hide it", async () => {
    const outcomes = makeOutcomes(3);
    const { storage } = await remember(outcomes);
    const name = outcomeFileName(outcomes[1]!.decision_id);
    const bytes = await bytesOf(storage, name);
    bytes[600]! ^= 1;
    await storage.replace(name, bytes);
    // Same name, same size: the caches do not notice.
    expect((await open(storage)).damaged).toEqual([]);
    const memory = await openMemory(storage, { embedder: hashingEmbedder(), rebuildVectors: true });
    expect(memory.damaged.map((damaged) => damaged.name)).toEqual([name]);
    expect(memory.trades.length).toBe(2);
    expect(await cachesOf(storage)).toEqual(await recount(storage));
  });

  test("and has lost its vector is found when the vector is made", async () => {
    const outcomes = makeOutcomes(3);
    const { storage } = await remember(outcomes);
    const name = outcomeFileName(outcomes[1]!.decision_id);
    const size = (await bytesOf(storage, name)).length;
    await storage.replace(name, new Uint8Array(size));
    await storage.remove("vectors.f32");
    const memory = await open(storage);
    expect(memory.damaged.map((damaged) => damaged.name)).toEqual([name]);
    expect(memory.embedded).toBe(2);
    expect(await cachesOf(storage)).toEqual(await recount(storage));
  });
});

describe("forget()", () => {
  test("takes a provider out of the statistics, also after the caches are removed", async () => {
    const { storage, memory } = await remember([makeOutcome()]);
    const statistics = async () => JSON.parse((await textOf(storage, "provider_performance.json")) ?? "") as object;
    expect(Object.keys(await statistics())).toEqual(["trend"]);
    const mark = { provider: "trend", beforeMs: Date.UTC(2021, 0, 5, 8) + 1 };
    await memory.forget(mark);
    await memory.forget(mark);
    await memory.flush();
    expect(memory.marks).toEqual([mark]);
    expect(await statistics()).toEqual({});
    for (const name of CACHES) await storage.remove(name);
    expect((await open(storage)).marks).toEqual([mark]);
    expect(await statistics()).toEqual({});
  });
});

describe("what a call returns after", () => {
  const slowly = async <T>(work: () => Promise<T>): Promise<T> => {
    await Bun.sleep(20);
    return work();
  };

  test("is done: a damaged file is in quarantine, an outcome is discarded, a mark is written", async () => {
    const { storage } = await remember(POOL.slice(0, 2));
    const [kept, dropped] = POOL.slice(0, 2).map(({ decision_id: id }) => outcomeFileName(id)) as [string, string];
    await storage.createOnce("outcome_cut.json", utf8("{]"));
    const slow = overrideCalls(storage, {
      move: (from, to) => slowly(() => storage.move(from, to)),
      createOnce: (name, bytes) => slowly(() => storage.createOnce(name, bytes)),
    });
    const outcomesThere = async (): Promise<string[]> =>
      (await storage.list()).files.map(({ name }) => name).filter((name) => name.startsWith("outcome_"));
    const memory = await openMemory(slow, { embedder: hashingEmbedder() });
    expect((await outcomesThere()).toSorted()).toEqual([kept, dropped].toSorted());
    await memory.discard([POOL[1]!.decision_id]);
    expect(await outcomesThere()).toEqual([kept]);
    await memory.forget({ provider: "alpha", beforeMs: Date.UTC(2021, 0, 12) });
    expect((await storage.list()).files.filter(({ name }) => name.startsWith("forget_"))).toHaveLength(1);
  });
});

test("vectors that are not of unit length stay, unless they are looked for", async () => {
  const { storage } = await remember(POOL.slice(0, 3));
  const sound = await bytesOf(storage, "vectors.f32");
  // Twice the first vector, under the checksum of its block.
  const floats = new Float32Array(sound.slice().buffer);
  floats.subarray(0, 128).forEach((value, i) => (floats[i] = 2 * value));
  const forged = new Uint8Array(floats.buffer);
  const sidecar = await decodeSidecar(await bytesOf(storage, SIDECAR_FILE), SIDECAR_FILE);
  const block_crc32 = [crc32(forged).toString(16).padStart(8, "0")];
  await storage.replace("vectors.f32", forged);
  await storage.replace(SIDECAR_FILE, await encodeSidecar({ ...sidecar, block_crc32 }));
  expect((await open(storage)).embedded).toBe(0);
  expect(await bytesOf(storage, "vectors.f32")).toEqual(forged);
  expect((await openMemory(storage, { embedder: hashingEmbedder(), checkLengths: true })).embedded).toBe(1);
  expect(await bytesOf(storage, "vectors.f32")).toEqual(sound);
});

test("a damaged sidecar is made again, and not moved to quarantine", async () => {
  const { storage } = await remember(POOL.slice(0, 3));
  await storage.replace("vectors.meta.json.gz", utf8("{]"));
  const memory = await open(storage);
  expect(memory.damaged).toEqual([]);
  expect((await storage.list("quarantine")).files).toEqual([]);
});

test("vectors of another embedder are noted if there are any, and trades that had them", async () => {
  const other = { id: "other", fingerprint: "other-1", dim: 2, embed: () => Float32Array.of(0.6, 0.8) };
  const notesOf = async (storage: Storage): Promise<readonly string[]> => {
    const notes: string[] = [];
    await openMemory(storage, { embedder: other, onNote: (note) => notes.push(note) });
    return notes;
  };
  const { storage: one } = await remember(POOL.slice(0, 1));
  expect(await notesOf(one)).toEqual(["Replacing 1 vector by hashing with vectors by other"]);
  // A sidecar without rows, and then an outcome that another program wrote.
  const { storage: none } = await remember([]);
  const [outcome] = POOL as readonly [Outcome];
  await none.createOnce(outcomeFileName(outcome.decision_id), encodeOutcome(outcome).bytes);
  expect(await notesOf(none)).toEqual([]);
  // A sidecar with rows, whose outcomes are gone.
  const { storage: gone } = await remember([outcome]);
  await gone.remove(outcomeFileName(outcome.decision_id));
  expect(await notesOf(gone)).toEqual([]);
});
