/** A process that is killed, or a store that fails, before or after each call of each change. */
import { describe, expect, test } from "bun:test";
import { HEAD_BYTES } from "../../lib/storage/object-head.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { InMemoryBucket } from "./in-memory-bucket.ts";
import { filesIn, openBucket } from "./object-store-samples.ts";
import { HOLDER, utf8 } from "./storage-contract.ts";

/** In parts of 108 bytes, if a file has more than 20. */
const OPTIONS = { maxObjectBytes: HEAD_BYTES + 20, leaseMs: 1000 };

const SIZES = { small: 10, large: 400 };
type Size = keyof typeof SIZES;
const content = (letter: string, size: Size): Uint8Array => utf8(letter.repeat(SIZES[size]));

interface Change {
  readonly name: string;
  run(storage: Storage): Promise<unknown>;
}

/** Changes of a storage that has the files `old` and `folder/other`. */
function changesOf(size: Size): Change[] {
  return [
    { name: "createOnce()", run: (storage) => storage.createOnce("new", content("n", size)) },
    { name: "replace()", run: (storage) => storage.replace("old", content("n", size)) },
    { name: "appendAt()", run: (storage) => storage.appendAt("old", 5, content("n", size)) },
    { name: "move()", run: (storage) => storage.move("old", "folder/other") },
    { name: "remove()", run: (storage) => storage.remove("old") },
  ];
}

/** A storage with some files, of whose bucket the calls are counted from now on. */
async function prepare(size: Size) {
  const bucket = new InMemoryBucket();
  const clock = { ms: 0 };
  const open = (): Promise<Storage> => openBucket(bucket, { ...OPTIONS, now: () => clock.ms });
  const storage = await open();
  await storage.replace("old", content("o", size));
  await storage.replace("folder/other", content("f", size));
  return { bucket, clock, open, storage };
}

/** How many calls locking, the change and releasing make, and what becomes of the files. */
async function undisturbed(size: Size, change: Change): Promise<{ calls: number; before: string; after: string }> {
  const { bucket, storage } = await prepare(size);
  const before = JSON.stringify([...(await filesIn(storage))]);
  let calls = 0;
  bucket.fault = { before: () => void calls++ };
  await perform(storage, change);
  bucket.fault = {};
  return { calls, before, after: JSON.stringify([...(await filesIn(storage))]) };
}

/** Locks, changes, releases. */
async function perform(storage: Storage, change: Change): Promise<void> {
  const lock = await storage.lock(HOLDER);
  await change.run(storage);
  await lock.release();
}

const CASES = (["small", "large"] as const).flatMap((size) =>
  changesOf(size).flatMap((change) =>
    (["before", "after"] as const).map((when) => ({ size, change, when, name: change.name })),
  ),
);

describe.each(CASES)("$name of a $size file", ({ name, size, change, when }) => {
  test(`killed ${when} each of its calls leaves the old or the new file, and the next writer ends in the same files`, async () => {
    const { calls, before, after } = await undisturbed(size, change);
    expect(calls).toBeGreaterThanOrEqual(5);
    for (let fatal = 1; fatal <= calls; fatal++) {
      const { bucket, clock, open, storage } = await prepare(size);
      let call = 0;
      // The dead call nothing more.
      const live = (isCounted: boolean): void => {
        if (isCounted) call++;
        if (call >= fatal) throw new Error("killed");
      };
      bucket.fault = { before: () => live(when === "before"), after: () => live(when === "after") };
      await perform(storage, change).catch(() => {});
      expect(call).toBeGreaterThanOrEqual(fatal);
      bucket.fault = {};

      const left = JSON.stringify([...(await filesIn(await open()))]);
      const both = JSON.stringify([...new Map([...JSON.parse(before), ...JSON.parse(after)])]);
      expect(name === "move()" ? [before, both, after] : [before, after]).toContain(left);

      clock.ms += 1000;
      const next = await open();
      await perform(next, change).catch((error: { code?: string }) => {
        // It was moved already.
        expect([name, error.code]).toEqual(["move()", "NOT_FOUND"]);
      });
      expect(JSON.stringify([...(await filesIn(next))])).toBe(after);
      clock.ms += 1000;
      await (await next.lock(HOLDER)).release();
      expect(strayParts(bucket)).toEqual([]);
    }
  });
});

/** Parts that no file names. */
function strayParts(bucket: InMemoryBucket): string[] {
  return [...bucket.objects.keys()].filter((key) => {
    const [, name, id] = /^parts\/(.*)\/(.*)\.\d+$/.exec(key) ?? [];
    if (id === undefined) return false;
    const file = bucket.objects.get(`files/${decodeURIComponent(name!)}`);
    return file === undefined || !new TextDecoder().decode(file.bytes).includes(id);
  });
}
