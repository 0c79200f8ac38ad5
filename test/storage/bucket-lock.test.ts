/** The lock of an object store, call by call. Races for it are in object-store-lock.test.ts. */
import { describe, expect, test } from "bun:test";
import { CarryoverError } from "../../lib/errors.ts";
import { BucketLock, type BucketLockOptions } from "../../lib/storage/bucket-lock.ts";
import { InMemoryBucket } from "./in-memory-bucket.ts";
import { failureOf, HOLDER, utf8 } from "./storage-contract.ts";

const KEY = "lock.json";
const OTHER = { ...HOLDER, pid: 5, command: "serve" };

/** A bucket, a clock that stands where it is set, and the calls that were made. */
function bucketWithClock() {
  const bucket = new InMemoryBucket();
  const clock = { ms: 0 };
  const calls: string[] = [];
  let ids = 0;
  bucket.fault = { before: (call) => void calls.push(call) };
  const options: BucketLockOptions = {
    key: KEY,
    label: "bucket",
    leaseMs: 1000,
    now: () => clock.ms,
    newId: () => `id-${++ids}`,
  };
  const take = (holder = HOLDER): Promise<BucketLock> => BucketLock.take(bucket, holder, options);
  const stored = (): unknown => JSON.parse(new TextDecoder().decode(bucket.objects.get(KEY)!.bytes));
  const put = (value: unknown): void =>
    void bucket.objects.set(KEY, { bytes: utf8(typeof value === "string" ? value : JSON.stringify(value)), etag: "x" });
  return { bucket, clock, calls, take, stored, put };
}

describe("take()", () => {
  test("writes who has it, until when, and a token that grows with each taking", async () => {
    const { clock, take, stored } = bucketWithClock();
    clock.ms = 50;
    const lock = await take();
    expect(stored()).toEqual({ token: 1, id: "id-1", holder: HOLDER, until_ms: 1050 });
    expect(lock.token).toBe(1);
    await lock.release();
    expect(stored()).toEqual({ token: 1, id: "id-1", holder: null, until_ms: 1050 });
    expect((await take(OTHER)).token).toBe(2);
    expect(stored()).toEqual({ token: 2, id: "id-2", holder: OTHER, until_ms: 1050 });
  });

  test("names the holder until its lease has lapsed", async () => {
    const { clock, take } = bucketWithClock();
    await take();
    clock.ms = 999;
    expect(await failureOf(take(OTHER))).toEqual({
      code: "LOCKED",
      message: expect.stringContaining('Cannot write to "bucket": found it locked by "run-chunks" (process 4711'),
    });
    clock.ms = 1000;
    expect((await take(OTHER)).token).toBe(2);
  });

  test("knows its own lock if the answer to the write got lost", async () => {
    const { bucket, take, stored } = bucketWithClock();
    const put = bucket.put.bind(bucket);
    bucket.put = async (...write) => {
      bucket.put = put;
      await put(...write);
      return undefined;
    };
    expect((await take()).token).toBe(1);
    expect(stored()).toMatchObject({ id: "id-1", token: 1 });
  });

  const WHOLE = { token: 3, id: "a", holder: HOLDER, until_ms: 0 };
  test.each([
    "no JSON",
    [],
    { ...WHOLE, token: 1.5 },
    { ...WHOLE, token: "3" },
    { ...WHOLE, id: 7 },
    { ...WHOLE, holder: undefined },
    { ...WHOLE, holder: "me" },
    { ...WHOLE, holder: { ...HOLDER, pid: undefined } },
    { ...WHOLE, holder: { ...HOLDER, since: undefined } },
    { ...WHOLE, until_ms: "0" },
    // More than is read of it.
    { ...WHOLE, holder: { ...HOLDER, command: "x".repeat(1 << 16) } },
  ])("refuses an object that is no lock, and leaves it: %#", async (value) => {
    const { bucket, take, put } = bucketWithClock();
    put(value);
    const { bytes } = bucket.objects.get(KEY)!;
    const { code, message } = await failureOf(take());
    expect(code).toBe("CORRUPT");
    expect(message).toStartWith('Cannot read "bucket/lock.json": ');
    expect(bucket.objects.get(KEY)!.bytes).toBe(bytes);
  });

  test("takes a whole one whose lease has lapsed, or that nobody has", async () => {
    for (const found of [WHOLE, { ...WHOLE, holder: null, until_ms: 9e15 }]) {
      const { take, put } = bucketWithClock();
      put(found);
      expect((await take()).token).toBe(4);
    }
  });
});

describe("renew()", () => {
  test("writes nothing while more than half of the lease is left, and one write from then on", async () => {
    const { clock, calls, take, stored } = bucketWithClock();
    const lock = await take();
    calls.length = 0;
    clock.ms = 499;
    await lock.renew();
    expect(calls).toEqual([]);
    clock.ms = 500;
    await lock.renew();
    expect(calls).toEqual(["put"]);
    expect(stored()).toEqual({ token: 1, id: "id-1", holder: HOLDER, until_ms: 1500 });
    // By the version that it has written itself.
    clock.ms = 1100;
    await lock.renew();
    expect(calls).toEqual(["put", "put"]);
    expect(stored()).toMatchObject({ until_ms: 2100 });
  });

  test("goes on if only the answer to the write got lost", async () => {
    const { bucket, clock, take, stored } = bucketWithClock();
    const lock = await take();
    const put = bucket.put.bind(bucket);
    bucket.put = async (...write) => {
      bucket.put = put;
      await put(...write);
      return undefined;
    };
    clock.ms = 800;
    await lock.renew();
    clock.ms = 1600;
    await lock.renew();
    lock.assertHeld();
    expect(stored()).toMatchObject({ id: "id-1", until_ms: 2600 });
  });

  test("fails for good once another has the lock", async () => {
    const { clock, calls, take, stored } = bucketWithClock();
    const lock = await take();
    clock.ms = 1000;
    await take(OTHER);
    const after = stored();
    expect((await failureOf(lock.renew())).code).toBe("LOCKED");
    calls.length = 0;
    expect((await failureOf(lock.renew())).code).toBe("LOCKED");
    await lock.release();
    expect(calls).toEqual([]);
    expect(stored()).toEqual(after);
  });
});

describe("confirm()", () => {
  test("succeeds while nobody else has the lock, also when its lease has lapsed", async () => {
    const { clock, take } = bucketWithClock();
    const lock = await take();
    clock.ms = 5000;
    await lock.confirm();
    lock.assertHeld();
  });

  test.each(["taken", "removed"])("fails if the lock was %s", async (what) => {
    const { bucket, clock, take } = bucketWithClock();
    const lock = await take();
    clock.ms = 1000;
    if (what === "taken") await take(OTHER);
    else bucket.objects.delete(KEY);
    expect((await failureOf(lock.confirm())).code).toBe("LOCKED");
    expect(() => lock.assertHeld()).toThrow(CarryoverError);
  });
});

describe("release()", () => {
  test("is done when it returns, and the lock is held no more", async () => {
    const { bucket, calls, take, stored } = bucketWithClock();
    const lock = await take();
    bucket.fault = {
      before: async (call) => {
        calls.push(call);
        await Bun.sleep(5);
      },
    };
    await lock.release();
    expect(stored()).toMatchObject({ holder: null });
    expect(() => lock.assertHeld()).toThrow(CarryoverError);
    calls.length = 0;
    await lock.release();
    expect(calls).toEqual([]);
  });

  test("leaves the lock of a later holder", async () => {
    const { clock, take, stored } = bucketWithClock();
    const lock = await take();
    clock.ms = 1000;
    await take(OTHER);
    await lock.release();
    expect(stored()).toMatchObject({ holder: OTHER, token: 2 });
  });
});

test("a holder that meets what a later one wrote has lost the lock", async () => {
  const { take } = bucketWithClock();
  const lock = await take();
  expect(() => lock.lose()).toThrow(CarryoverError);
  expect(() => lock.assertHeld()).toThrow("another process has taken its lock");
});
