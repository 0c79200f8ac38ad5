import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { HEAD_BYTES } from "../../lib/storage/object-head.ts";
import { backtest } from "../../lib/job/backtest.ts";
import { syntheticBars } from "../../lib/market/synthetic.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { reversion, trend } from "../../lib/providers/rules.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { InMemoryBucket } from "./in-memory-bucket.ts";
import { filesIn, openBucket } from "./object-store-samples.ts";
import { describeStorage, failureOf, HOLDER, textOf, utf8 } from "./storage-contract.ts";

// A machine may be busy.
setDefaultTimeout(60_000);

/** Files of more than five bytes are in parts. */
const IN_PARTS = { prefix: "memory/", maxObjectBytes: HEAD_BYTES + 5 };

describeStorage("openObjectStore()", () => openBucket(new InMemoryBucket()));
describeStorage("openObjectStore() in parts", () => openBucket(new InMemoryBucket(), IN_PARTS));

test("a part of a file is fetched without what is before it", async () => {
  const bucket = new InMemoryBucket();
  const storage = await openBucket(bucket);
  await storage.replace("vectors.f32", new Uint8Array(10_000).fill(7));
  let fetched = 0;
  const get = bucket.get.bind(bucket);
  bucket.get = async (key, range) => {
    const found = await get(key, range);
    fetched += found?.bytes.length ?? 0;
    return found;
  };
  const bytes = await storage.read("vectors.f32", { offset: 9000, maxBytes: 500 });
  expect([bytes?.length, bytes?.every((byte) => byte === 7)]).toEqual([500, true]);
  expect(fetched).toBe(HEAD_BYTES + 500);
});

describe("opening", () => {
  test("refuses a store that ignores If-None-Match, or If-Match", async () => {
    for (const condition of ["If-None-Match", "If-Match"]) {
      const bucket = new InMemoryBucket();
      const put = bucket.put.bind(bucket);
      bucket.put = (key, bytes, when) => {
        if ((when === "absent") !== (condition === "If-None-Match")) return put(key, bytes, when);
        bucket.objects.delete(key);
        return put(key, bytes, "absent");
      };
      const failure = await failureOf(openBucket(bucket));
      expect(failure.code).toBe("BAD_USAGE");
      expect(failure.message).toBe(
        `Cannot keep files in "bucket": found that the store ignores the condition of a write (${condition}), ` +
          "expected a store with conditional writes, such as S3 or R2",
      );
    }
  });

  test("leaves one small object, and later openings ask twice", async () => {
    const bucket = new InMemoryBucket();
    await openBucket(bucket, { prefix: "memory/" });
    const calls: string[] = [];
    bucket.fault = { before: (call, key) => void calls.push(`${call} ${key}`) };
    await openBucket(bucket, { prefix: "memory/" });
    expect(calls).toEqual(["put memory/probe", "put memory/probe"]);
    expect([...bucket.objects.keys()]).toEqual(["memory/probe"]);
  });

  test("a failure of the store is IO, and names the key and the reason", async () => {
    const bucket = new InMemoryBucket();
    const storage = await openBucket(bucket, { label: "s3://b/m" });
    bucket.fault = {
      before: () => {
        throw new Error("connection refused");
      },
    };
    const failure = await failureOf(storage.read("a", { maxBytes: 9 }));
    expect(failure.code).toBe("IO");
    expect(failure.message).toStartWith('Cannot read "s3://b/m/files/a": found connection refused, expected ');
  });

  test("a failure is told without the question at the end of Bun's message", async () => {
    const bucket = new InMemoryBucket();
    const storage = await openBucket(bucket, { label: "s3://b/m" });
    bucket.fault = {
      before: () => {
        throw new Error("Unable to connect. Is the computer able to access the url?");
      },
    };
    const { message } = await failureOf(storage.read("a", { maxBytes: 9 }));
    expect(message).toContain("found Unable to connect, expected ");
  });
});

describe("objects", () => {
  test("begin with a line that says the token, the size, the size of parts and the id of the write", async () => {
    const bucket = new InMemoryBucket();
    const storage = await openBucket(bucket, { ...IN_PARTS, newId: () => "one" });
    await storage.replace("small", utf8("12345"));
    await storage.replace("runs/large", utf8("123456789ab"));
    const textAt = (key: string): string => new TextDecoder().decode(bucket.objects.get(key)!.bytes);
    expect(textAt("memory/files/small")).toBe(
      `carryover-1 000000000000 000000000005 000000000000 ${"one".padEnd(36)}\n12345`,
    );
    const { maxObjectBytes } = IN_PARTS;
    expect(textAt("memory/files/runs/large")).toBe(
      `carryover-1 000000000000 000000000011 0000000000${maxObjectBytes} ${"one".padEnd(36)}\n`,
    );
    expect(textAt("memory/parts/runs%2Flarge/one.0")).toBe("123456789ab");
  });

  test("of another program, cut, or without a part are CORRUPT", async () => {
    const bucket = new InMemoryBucket();
    const storage = await openBucket(bucket, { maxObjectBytes: 100 });
    const large = "0123456789".repeat(25);
    await storage.replace("large", utf8(large));
    await storage.replace("cut", utf8("0123456789"));
    await bucket.put("files/foreign", utf8("{}"), "absent");
    const cut = bucket.objects.get("files/cut")!;
    bucket.objects.set("files/cut", { ...cut, bytes: cut.bytes.slice(0, -1) });
    const parts = [...bucket.objects.keys()].filter((key) => key.startsWith("parts/"));
    expect(parts).toHaveLength(3);
    bucket.objects.delete(parts[1]!);
    for (const name of ["foreign", "cut", "large"]) {
      const failure = await failureOf(storage.read(name, { maxBytes: 999 }));
      expect(failure.code).toBe("CORRUPT");
      expect(failure.message).toStartWith(`Cannot read "bucket/${name}": found an object `);
    }
    expect(await storage.read("large", { maxBytes: 100 })).toEqual(utf8(large.slice(0, 100)));
  });

  test("a reader gets the old or the new version of a file in parts, whole, while it is replaced", async () => {
    const bucket = new InMemoryBucket();
    bucket.fault = { before: () => Bun.sleep(Math.random()) };
    const [writer, reader] = [await openBucket(bucket, IN_PARTS), await openBucket(bucket, IN_PARTS)];
    const versions = ["a", "b", "c", "d", "e", "f"].map((letter) => letter.repeat(300));
    await writer.replace("v", utf8(versions[0]!));
    const writing = (async () => {
      for (const version of versions) await writer.replace("v", utf8(version));
    })();
    const seen = new Set<string>();
    for (let i = 0; i < 20; i++) seen.add((await textOf(reader, "v"))!);
    await writing;
    expect([...seen].filter((text) => !versions.includes(text))).toEqual([]);
    expect(await textOf(reader, "v")).toBe(versions.at(-1)!);
  });

  test("a write that is repeated because its answer got lost counts once, and is no conflict", async () => {
    const bucket = new InMemoryBucket();
    const put = bucket.put.bind(bucket);
    bucket.put = async (key, bytes, when) => {
      await put(key, bytes, when);
      return put(key, bytes, when);
    };
    let ms = 0;
    const storage = await openBucket(bucket, { now: () => ms, leaseMs: 1000 });
    expect(await storage.createOnce("a", utf8("A"))).toBeTrue();
    expect(await storage.createOnce("a", utf8("A"))).toBeFalse();
    const lock = await storage.lock(HOLDER);
    ms += 900;
    await storage.replace("a", utf8("C"));
    expect(await textOf(storage, "a")).toBe("C");
    await lock.release();
    await (await storage.lock(HOLDER)).release();
  });
});

describe("a backtest with its memory in a bucket", () => {
  const GOLD = syntheticBars({ asset: "GOLD", timeframe: "4h", seed: 1, end: "2018-05-01" });

  const SHORT = syntheticBars({ asset: "GOLD", timeframe: "4h", seed: 1, end: "2018-02-15" });

  async function runOn(storage: Storage): Promise<void> {
    await backtest({
      bars: [GOLD],
      providers: [trend(), reversion()],
      memory: await openMemory(storage),
      start: "2018-02-01",
      end: "2018-05-01",
      chunks: "month",
    });
  }

  test("makes the bytes of one in memory, whole or in parts, and asks for at most as many listings as it has chunks, and one", async () => {
    const inMemory = inMemoryStorage();
    await runOn(inMemory);
    const expected = await filesIn(inMemory);
    expect([...expected.keys()].filter((name) => name.startsWith("outcome_")).length).toBeGreaterThan(10);
    for (const maxObjectBytes of [Infinity, 4000]) {
      const bucket = new InMemoryBucket();
      const storage = await openBucket(bucket, { maxObjectBytes });
      const lock = await storage.lock(HOLDER);
      const listed: string[] = [];
      bucket.fault = { before: (call, key) => void (call === "list" && listed.push(key)) };
      await runOn(storage);
      expect(listed.length).toBeLessThanOrEqual(3 + 1);
      await lock.release();
      expect(await filesIn(storage)).toEqual(expected);
      const largest = Math.max(...[...bucket.objects.values()].map(({ bytes }) => bytes.length));
      expect(largest).toBeLessThanOrEqual(maxObjectBytes);
    }
  });

  test("killed at a write and run again, ends in the same bytes", async () => {
    const run = async (bucket: InMemoryBucket, ms: number): Promise<Storage> => {
      const storage = await openBucket(bucket, { now: () => ms, maxObjectBytes: 4000 });
      const lock = await storage.lock(HOLDER);
      const period = { start: "2018-02-01", end: "2018-02-15", chunks: "week" } as const;
      await backtest({ bars: [SHORT], providers: [trend()], ...period, memory: await openMemory(storage) });
      await lock.release();
      return storage;
    };
    const expected = await filesIn(await run(new InMemoryBucket(), 0));
    // test/slow/object-store-runs.ts tries each call.
    for (const fatal of [8, 20]) {
      const bucket = new InMemoryBucket();
      let call = 0;
      bucket.fault = {
        before: (verb) => {
          if (verb === "put") call++;
          if (call >= fatal) throw new Error("killed");
        },
      };
      expect((await failureOf(run(bucket, 0))).message).toContain("killed");
      bucket.fault = {};
      expect(await filesIn(await run(bucket, 60_000))).toEqual(expected);
    }
  });
});
