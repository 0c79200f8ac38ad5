import { expect, test } from "bun:test";
import { CarryoverError } from "../../lib/errors.ts";
import type { Lock, Storage } from "../../lib/storage/storage.ts";
import { InMemoryBucket } from "./in-memory-bucket.ts";
import { openBucket } from "./object-store-samples.ts";
import { failureOf, HOLDER, textOf, utf8 } from "./storage-contract.ts";

/** Two processes on one bucket, each with a clock that stands where it is set. */
async function twoWriters(bucket = new InMemoryBucket()) {
  const clocks: [{ ms: number }, { ms: number }] = [{ ms: 0 }, { ms: 0 }];
  const open = (clock: { ms: number }) =>
    openBucket(bucket, { now: () => clock.ms, leaseMs: 1000, maxObjectBytes: 100 });
  return { bucket, clocks, first: await open(clocks[0]), second: await open(clocks[1]) };
}

/** The lock; `undefined` if somebody else has it. */
async function tryLock(taking: Promise<Lock>): Promise<Lock | undefined> {
  try {
    return await taking;
  } catch (error) {
    if (error instanceof CarryoverError && error.code === "LOCKED") return undefined;
    throw error;
  }
}

test.each([
  { state: "free", before: undefined },
  { state: "released", before: "released" },
  { state: "lapsed", before: "lapsed" },
])("of writers that find a $state lock at once, exactly one gets it, in 200 races", async ({ before }) => {
  const race = async (): Promise<number> => {
    const bucket = new InMemoryBucket();
    let ms = 0;
    const open = () => openBucket(bucket, { now: () => ms, leaseMs: 1000 });
    const writers = await Promise.all([open(), open(), open()]);
    if (before !== undefined) {
      const lock = await writers[0]!.lock(HOLDER);
      if (before === "released") await lock.release();
      else ms += 1001;
    }
    bucket.fault = { before: () => Bun.sleep(Math.random() * 2), after: () => Bun.sleep(Math.random() * 2) };
    const locks = await Promise.all(writers.map((writer) => tryLock(writer.lock(HOLDER))));
    return locks.filter((lock) => lock !== undefined).length;
  };
  expect(await Promise.all(Array.from({ length: 200 }, race))).toEqual(Array(200).fill(1));
});

test("what is written under a lock carries its token, and each taking has a greater one", async () => {
  const { bucket, first, second } = await twoWriters();
  const tokenOf = (key: string): number =>
    Number(new TextDecoder().decode(bucket.objects.get(key)!.bytes).split(" ")[1]);
  await first.replace("free", utf8("x"));
  for (const [index, storage] of [first, second, first].entries()) {
    const lock = await storage.lock(HOLDER);
    await storage.createOnce(`created-${index}`, utf8("x"));
    await storage.replace("replaced", utf8("x".repeat(200)));
    await storage.appendAt("appended", 0, utf8("x"));
    expect(["created-" + index, "replaced", "appended"].map((name) => tokenOf(`files/${name}`))).toEqual([
      index + 1,
      index + 1,
      index + 1,
    ]);
    await lock.release();
  }
  expect(tokenOf("files/free")).toBe(0);
});

test("a lease is renewed by writes, and keeps others out until it lapses", async () => {
  const { clocks, first, second } = await twoWriters();
  const lock = await first.lock(HOLDER);
  for (const ms of [600, 1200, 1800]) {
    clocks[0].ms = ms;
    await first.replace("a", utf8("A"));
  }
  clocks[1].ms = 2799;
  expect((await failureOf(second.lock(HOLDER))).code).toBe("LOCKED");
  clocks[1].ms = 2800;
  const taken = await second.lock(HOLDER);
  lock.assertHeld();
  clocks[0].ms = 2800;
  expect((await failureOf(first.replace("a", utf8("late")))).message).toBe(
    'Cannot write to "bucket": found that another process has taken its lock, whose lease had lapsed, ' +
      "expected one writer at a time: wait for the other process, then run again",
  );
  expect(() => lock.assertHeld()).toThrow(CarryoverError);
  const late = [
    first.createOnce("b", utf8("B")),
    first.replace("b", utf8("B")),
    first.appendAt("b", 0, utf8("B")),
    first.move("a", "b"),
    first.remove("a"),
  ];
  for (const call of late) expect((await failureOf(call)).code).toBe("LOCKED");
  await lock.release();
  expect((await failureOf(first.lock(HOLDER))).code).toBe("LOCKED");
  expect(await second.list()).toEqual({ files: [{ name: "a", size: 1 }], folders: [] });
  await taken.release();
});

test("an idle holder whose lease has lapsed goes on if nobody took the lock", async () => {
  const { clocks, first, second } = await twoWriters();
  const lock = await first.lock(HOLDER);
  clocks[0].ms = 50_000;
  await first.replace("a", utf8("A"));
  lock.assertHeld();
  clocks[1].ms = 50_999;
  expect((await failureOf(second.lock(HOLDER))).code).toBe("LOCKED");
});

test.each([
  { call: "replace()", late: (storage: Storage) => storage.replace("a", utf8("late")) },
  { call: "appendAt()", late: (storage: Storage) => storage.appendAt("a", 1, utf8("late")) },
  { call: "move() from it", late: (storage: Storage) => storage.move("a", "b") },
  { call: "move() to it", late: (storage: Storage) => storage.move("c", "a") },
  { call: "remove()", late: (storage: Storage) => storage.remove("a") },
  { call: "createOnce()", late: (storage: Storage) => storage.createOnce("a", utf8("late")) },
])("a holder whose clock stands still cannot change what a later holder wrote by $call", async ({ late }) => {
  const { clocks, first, second } = await twoWriters();
  const lock = await first.lock(HOLDER);
  await first.replace("c", utf8("C"));
  clocks[1].ms = 5000;
  await second.lock(HOLDER);
  await second.createOnce("a", utf8("second"));
  lock.assertHeld();
  expect((await failureOf(late(first))).code).toBe("LOCKED");
  expect(() => lock.assertHeld()).toThrow(CarryoverError);
  expect(await textOf(second, "a")).toBe("second");
});

test.each(["small", "x".repeat(250)])(
  "a write that is held up on its way while another takes the lock and writes the same file is refused (%#)",
  async (late) => {
    for (const call of ["replace", "remove"] as const) {
      const { bucket, clocks, first, second } = await twoWriters();
      await first.lock(HOLDER);
      await first.replace("a", utf8("old"));
      const { promise: isFree, resolve: letGo } = Promise.withResolvers<void>();
      const { promise: isHeldUp, resolve: heldUp } = Promise.withResolvers<void>();
      bucket.fault = {
        before: async (verb, key) => {
          if ((verb !== "put" && verb !== "delete") || key !== "files/a") return;
          bucket.fault = {};
          heldUp();
          await isFree;
        },
      };
      const failure = failureOf(call === "replace" ? first.replace("a", utf8(late)) : first.remove("a"));
      await isHeldUp;
      clocks[1].ms = 5000;
      const taken = await second.lock(HOLDER);
      await second.replace("a", utf8("second"));
      letGo();
      expect((await failure).code).toBe("LOCKED");
      expect(await textOf(second, "a")).toBe("second");
      expect((await bucket.list("parts/")).folders).toEqual([]);
      await taken.release();
    }
  },
);
