import { describe, expect, test } from "bun:test";
import type { Bucket } from "../../lib/storage/bucket.ts";
import { utf8 } from "./storage-contract.ts";

/** What every bucket does. `makeBucket` may return the same one: keys are of this test alone. */
export function describeBucket(name: string, makeBucket: () => Bucket | Promise<Bucket>): void {
  const all = { offset: 0, length: 99 };
  let tests = 0;

  describe(`${name} is a bucket`, () => {
    test("that writes, reads and removes on conditions", async () => {
      const bucket = await makeBucket();
      const folder = `of bucket ${++tests}/`;
      const key = `${folder}ä +%2F&<>'"`;
      expect(await bucket.get(key, all)).toBeUndefined();
      expect(await bucket.put(key, utf8("none"), { etag: '"00000000000000000000000000000000"' })).toBeUndefined();
      const first = (await bucket.put(key, utf8("first"), "absent"))!;
      expect(await bucket.put(key, utf8("again"), "absent")).toBeUndefined();
      const second = (await bucket.put(key, utf8("second"), { etag: first }))!;
      expect(await bucket.put(key, utf8("stale"), { etag: first })).toBeUndefined();
      expect(await bucket.get(key, all)).toEqual({ bytes: utf8("second"), etag: second });
      expect(await bucket.get(key, { offset: 2, length: 3 })).toEqual({ bytes: utf8("con"), etag: second });
      expect(await bucket.get(key, { offset: 4, length: 1e12 })).toEqual({ bytes: utf8("nd"), etag: second });
      for (const offset of [0, 6, 7]) {
        const length = offset === 0 ? 0 : 3;
        expect(await bucket.get(key, { offset, length })).toEqual({ bytes: utf8(""), etag: second });
      }
      expect(await bucket.list(folder)).toEqual({ objects: [{ key, size: 6 }], folders: [] });
      expect(await bucket.delete(key, { etag: first })).toBeFalse();
      expect(await bucket.delete(key, { etag: second })).toBeTrue();
      expect(await bucket.delete(key, { etag: second })).toBeTrue();
      expect(await bucket.delete(key)).toBeTrue();
      expect(await bucket.get(key, all)).toBeUndefined();
      expect((await bucket.list(folder)).objects).toEqual([]);
    });

    test("where a key that was removed is free, and old etags stay invalid", async () => {
      const bucket = await makeBucket();
      const key = `of bucket ${++tests}/again`;
      const first = (await bucket.put(key, utf8("first"), "absent"))!;
      expect(await bucket.delete(key, { etag: first })).toBeTrue();
      expect(await bucket.put(key, utf8("stale"), { etag: first })).toBeUndefined();
      const second = (await bucket.put(key, utf8("second"), "absent"))!;
      expect(second).not.toBe(first);
      expect(await bucket.put(key, utf8("third"), "absent")).toBeUndefined();
      expect(await bucket.delete(key, { etag: first })).toBeFalse();
      expect(await bucket.get(key, all)).toEqual({ bytes: utf8("second"), etag: second });
    });

    test("that lists what is directly under a prefix, in folders by slashes", async () => {
      const bucket = await makeBucket();
      const top = `of bucket ${++tests}`;
      for (const path of ["/a", "/b/c", "/b/d", "/e/f/g", "/é", "0", "/a-b"]) {
        await bucket.put(top + path, utf8(path), "absent");
      }
      const { objects, folders } = await bucket.list(`${top}/`);
      const names = objects.map(({ key, size }) => `${key.slice(top.length)} ${size}`);
      expect([names.toSorted(), folders.toSorted()]).toEqual([
        ["/a 2", "/a-b 4", "/é 3"],
        ["b", "e"],
      ]);
    });

    test("that writes a free key once, also for writers at once", async () => {
      const bucket = await makeBucket();
      const key = `of bucket ${++tests}/race`;
      const won = await Promise.all(["a", "b", "c", "d"].map((text) => bucket.put(key, utf8(text), "absent")));
      expect(won.filter((etag) => etag !== undefined)).toHaveLength(1);
      const etag = won.find((each) => each !== undefined)!;
      const swapped = await Promise.all(["e", "f", "g"].map((text) => bucket.put(key, utf8(text), { etag })));
      expect(swapped.filter((each) => each !== undefined)).toHaveLength(1);
    });
  });
}
