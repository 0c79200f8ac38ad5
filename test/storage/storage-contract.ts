import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CarryoverError, type ErrorCode } from "../../lib/errors.ts";
import { ensureFile, type LockHolder, type Storage } from "../../lib/storage/storage.ts";

export const HOLDER: LockHolder = { pid: 4711, command: "run-chunks", host: "desk", since: "2021-01-01T00:00:00.000Z" };

const ALL = { maxBytes: 1 << 20 };

/** Bytes of a text. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Text of a stored file, or `undefined` if it is not there. */
export async function textOf(storage: Storage, name: string): Promise<string | undefined> {
  const bytes = await storage.read(name, ALL);
  return bytes && new TextDecoder().decode(bytes);
}

/** The code and message with which a promise fails. */
export async function failureOf(promise: Promise<unknown>): Promise<{ code: ErrorCode; message: string }> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof CarryoverError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error("expected a CarryoverError");
}

/**
 * What every driver of `Storage` does.
 *
 * @param name The driver's name.
 * @param makeStorage Makes an empty storage.
 */
export function describeStorage(name: string, makeStorage: () => Storage | Promise<Storage>): void {
  describe(`${name} as a storage`, () => {
    test("an empty storage lists nothing and reads undefined", async () => {
      const storage = await makeStorage();
      expect(await storage.list()).toEqual({ files: [], folders: [] });
      expect(await storage.list("runs")).toEqual({ files: [], folders: [] });
      expect(await storage.read("memory.json", ALL)).toBeUndefined();
      expect(await storage.read("runs/a/manifest.json", ALL)).toBeUndefined();
    });

    test("a file is read back whole, in part, and never beyond its end", async () => {
      const storage = await makeStorage();
      await storage.createOnce("a.json", utf8("0123456789"));
      expect(await textOf(storage, "a.json")).toBe("0123456789");
      expect(await storage.read("a.json", { maxBytes: 3, offset: 4 })).toEqual(utf8("456"));
      expect(await storage.read("a.json", { maxBytes: 30, offset: 8 })).toEqual(utf8("89"));
      expect(await storage.read("a.json", { maxBytes: 30, offset: 10 })).toEqual(new Uint8Array());
      expect(await storage.read("a.json", { maxBytes: 30, offset: 99 })).toEqual(new Uint8Array());
    });

    test("changing the bytes that were written or read does not change the file", async () => {
      const storage = await makeStorage();
      const mine = utf8("mine");
      await storage.createOnce("a", mine);
      mine[0] = 0;
      const read = await storage.read("a", ALL);
      read?.fill(0);
      expect(await textOf(storage, "a")).toBe("mine");
    });

    test("list() sorts by code unit and returns sizes and folders", async () => {
      const storage = await makeStorage();
      for (const file of ["b", "a10", "a9", "Z", "ä", "runs/x/m.json", "quarantine/q"]) {
        await storage.replace(file, utf8(file));
      }
      expect(await storage.list()).toEqual({
        files: [
          { name: "Z", size: 1 },
          { name: "a10", size: 3 },
          { name: "a9", size: 2 },
          { name: "b", size: 1 },
          { name: "ä", size: 2 },
        ],
        folders: ["quarantine", "runs"],
      });
      expect(await storage.list("runs")).toEqual({ files: [], folders: ["x"] });
      expect(await storage.list("runs/x")).toEqual({ files: [{ name: "m.json", size: 13 }], folders: [] });
    });

    test("createOnce() creates a file once; a later call changes nothing, whatever its bytes", async () => {
      const storage = await makeStorage();
      expect(await storage.createOnce("answers/a", utf8("first"))).toBeTrue();
      expect(await storage.createOnce("answers/a", utf8("first"))).toBeFalse();
      expect(await storage.createOnce("answers/a", utf8("other"))).toBeFalse();
      expect(await textOf(storage, "answers/a")).toBe("first");
      expect((await storage.list("answers")).files).toEqual([{ name: "a", size: 5 }]);
    });

    test("createOnce() called several times at once creates one file for one name, and all files for many names", async () => {
      const storage = await makeStorage();
      const texts = ["a", "b", "c", "d", "e", "f"];
      const won = await Promise.all(texts.map((text) => storage.createOnce("same", utf8(text))));
      expect(won.filter((isFirst) => isFirst)).toHaveLength(1);
      expect(await textOf(storage, "same")).toBe(texts[won.indexOf(true)]!);
      await Promise.all(texts.map((text) => storage.createOnce(`of-${text}`, utf8(text))));
      for (const text of texts) expect(await textOf(storage, `of-${text}`)).toBe(text);
    });

    test("ensureFile() accepts the same bytes again, refuses others and keeps the first", async () => {
      const storage = await makeStorage();
      await ensureFile(storage, "a", utf8("first"));
      await ensureFile(storage, "a", utf8("first"));
      for (const other of ["other", "longer than the first", ""]) {
        const failure = await failureOf(ensureFile(storage, "a", utf8(other)));
        expect(failure.code).toBe("CONFLICT");
        expect(failure.message).toBe(`Cannot create "${storage.label}/a": found other content, expected a free name`);
      }
      expect(await textOf(storage, "a")).toBe("first");
    });

    test("replace() replaces a file, also by an empty one", async () => {
      const storage = await makeStorage();
      await storage.replace("a", utf8("a long first text"));
      await storage.replace("a", new Uint8Array());
      expect(await storage.read("a", ALL)).toEqual(new Uint8Array());
      expect(await storage.list()).toEqual({ files: [{ name: "a", size: 0 }], folders: [] });
    });

    test("appendAt() creates a file at offset 0, appends, and cuts what is beyond the offset", async () => {
      const storage = await makeStorage();
      await storage.appendAt("v", 0, utf8("abc"));
      await storage.appendAt("v", 3, utf8("def"));
      expect(await textOf(storage, "v")).toBe("abcdef");
      await storage.appendAt("v", 2, utf8("X"));
      expect(await textOf(storage, "v")).toBe("abX");
      await storage.appendAt("v", 1, new Uint8Array());
      expect(await textOf(storage, "v")).toBe("a");
    });

    test("appendAt() refuses an offset beyond the end and changes nothing", async () => {
      const storage = await makeStorage();
      await storage.appendAt("v", 0, utf8("abc"));
      await expect(storage.appendAt("v", 4, utf8("d"))).rejects.toThrow(RangeError);
      await expect(storage.appendAt("new", 1, utf8("d"))).rejects.toThrow(
        /new": found 0 bytes, expected at least the offset 1$/,
      );
      expect(await storage.list()).toEqual({ files: [{ name: "v", size: 3 }], folders: [] });
    });

    test("move() renames into another folder and replaces what was there", async () => {
      const storage = await makeStorage();
      await storage.replace("a", utf8("A"));
      await storage.replace("quarantine/a", utf8("old"));
      await storage.move("a", "quarantine/a");
      expect(await textOf(storage, "quarantine/a")).toBe("A");
      expect(await storage.read("a", ALL)).toBeUndefined();
    });

    test("move() of a missing file is NOT_FOUND", async () => {
      const storage = await makeStorage();
      expect((await failureOf(storage.move("a", "b"))).code).toBe("NOT_FOUND");
      expect((await failureOf(storage.move("x/a", "b"))).code).toBe("NOT_FOUND");
    });

    test("remove() removes a file; removing a missing file succeeds", async () => {
      const storage = await makeStorage();
      await storage.replace("runs/a", utf8("A"));
      await storage.remove("runs/a");
      await storage.remove("runs/a");
      await storage.remove("other/a");
      expect(await storage.read("runs/a", ALL)).toBeUndefined();
    });

    test("a file cannot take the place of a folder, nor a folder of a file", async () => {
      const storage = await makeStorage();
      await storage.replace("file", utf8("f"));
      await storage.replace("folder/file", utf8("f"));
      expect((await failureOf(storage.replace("file/below", utf8("x")))).code).toBe("IO");
      expect((await failureOf(storage.replace("folder", utf8("x")))).code).toBe("IO");
      expect(await storage.createOnce("folder", utf8("x"))).toBeFalse();
      expect((await failureOf(storage.createOnce("file/below", utf8("x")))).code).toBe("IO");
      expect(await storage.read("file/below", ALL)).toBeUndefined();
      expect(await textOf(storage, "folder/file")).toBe("f");
    });

    test("every call refuses a name that would leave the folder", async () => {
      const storage = await makeStorage();
      for (const bad of [
        "",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a//b",
        "./a",
        "a\\b",
        "a\0b",
        "C:x",
        ".lock",
        ".tmp-a",
      ]) {
        const calls = [
          storage.list(bad),
          storage.read(bad, ALL),
          storage.createOnce(bad, utf8("x")),
          storage.replace(bad, utf8("x")),
          storage.appendAt(bad, 0, utf8("x")),
          storage.move(bad, "a"),
          storage.move("a", bad),
          storage.remove(bad),
        ];
        for (const call of calls) expect((await failureOf(call)).code).toBe("BAD_USAGE");
      }
      expect(await storage.list()).toEqual({ files: [], folders: [] });
    });

    test("a file that is made has a name that Windows can have; what is there under another may be moved and removed", async () => {
      const storage = await makeStorage();
      for (const bad of ["ab:c", "runs/con", "AUX.json", "nul/a", "a.", "a /b", "what?", "a*", "a|b", "a\nb"]) {
        const calls = [
          storage.createOnce(bad, utf8("x")),
          storage.replace(bad, utf8("x")),
          storage.appendAt(bad, 0, utf8("x")),
        ];
        for (const call of calls) expect((await failureOf(call)).code).toBe("BAD_USAGE");
        expect(await storage.read(bad, ALL)).toBeUndefined();
        await storage.remove(bad);
      }
      expect(await storage.list()).toEqual({ files: [], folders: [] });
    });

    test("lock() allows one holder at a time and names it; a second release frees nothing", async () => {
      const storage = await makeStorage();
      const first = await storage.lock(HOLDER);
      const failure = await failureOf(storage.lock({ ...HOLDER, pid: 1 }));
      expect(failure.code).toBe("LOCKED");
      for (const word of ["4711", "run-chunks", "desk", "2021-01-01T00:00:00.000Z"]) {
        expect(failure.message).toContain(word);
      }
      await storage.replace("a", utf8("writable while locked"));
      await first.release();
      const second = await storage.lock(HOLDER);
      await first.release();
      expect((await failureOf(storage.lock(HOLDER))).code).toBe("LOCKED");
      await second.release();
      expect(await storage.list()).toEqual({ files: [{ name: "a", size: 21 }], folders: [] });
    });

    test("any sequence of calls has the same result as on a map", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          const storage = await makeStorage();
          const model = new Map<string, Uint8Array>();
          for (const next of steps) {
            expect(await outcomeOf(() => applyTo(storage, next))).toBe(
              await outcomeOf(() => applyToModel(model, next)),
            );
          }
          for (const file of NAMES) expect(await storage.read(file, ALL)).toEqual(model.get(file));
          for (const folder of [undefined, "runs", "runs/x", "runs/y"]) {
            const prefix = folder === undefined ? "" : `${folder}/`;
            const expected = [...model]
              .filter(([file]) => file.startsWith(prefix) && !file.slice(prefix.length).includes("/"))
              .map(([file, bytes]) => ({ name: file.slice(prefix.length), size: bytes.length }))
              .toSorted((a, b) => (a.name < b.name ? -1 : 1));
            expect((await storage.list(folder)).files).toEqual(expected);
          }
        }),
        { numRuns: 60 },
      );
    });
  });
}

const NAMES = ["a", "b", "runs/x/a", "runs/x/b", "runs/y/a"] as const;

const file = fc.constantFrom(...NAMES);
const bytes = fc.uint8Array({ maxLength: 6 });
const step = fc.oneof(
  fc.record({ kind: fc.constant("ensureFile" as const), file, bytes }),
  fc.record({ kind: fc.constant("replace" as const), file, bytes }),
  fc.record({ kind: fc.constant("appendAt" as const), file, bytes, offset: fc.nat(8) }),
  fc.record({ kind: fc.constant("move" as const), file, to: file }),
  fc.record({ kind: fc.constant("remove" as const), file }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function applyTo(storage: Storage, next: Step): Promise<void> {
  if (next.kind === "ensureFile") return ensureFile(storage, next.file, next.bytes);
  if (next.kind === "replace") return storage.replace(next.file, next.bytes);
  if (next.kind === "appendAt") return storage.appendAt(next.file, next.offset, next.bytes);
  if (next.kind === "move") return storage.move(next.file, next.to);
  return storage.remove(next.file);
}

async function applyToModel(model: Map<string, Uint8Array>, next: Step): Promise<void> {
  const there = model.get(next.file);
  if (next.kind === "ensureFile") {
    if (there !== undefined && there.toString() !== next.bytes.toString()) throw new CarryoverError("CONFLICT", "");
    model.set(next.file, next.bytes);
  } else if (next.kind === "replace") {
    model.set(next.file, next.bytes);
  } else if (next.kind === "appendAt") {
    if ((there?.length ?? 0) < next.offset) throw new RangeError();
    model.set(next.file, Uint8Array.from([...(there ?? []).slice(0, next.offset), ...next.bytes]));
  } else if (next.kind === "move") {
    if (there === undefined) throw new CarryoverError("NOT_FOUND", "");
    model.delete(next.file);
    model.set(next.to, there);
  } else {
    model.delete(next.file);
  }
}

/** "ok", or how it failed. */
async function outcomeOf(call: () => Promise<void>): Promise<string> {
  try {
    await call();
    return "ok";
  } catch (error) {
    if (error instanceof CarryoverError) return error.code;
    if (error instanceof RangeError) return "RangeError";
    throw error;
  }
}
