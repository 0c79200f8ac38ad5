import { afterEach, expect, jest, spyOn, test } from "bun:test";
import fs from "node:fs";
import { join } from "node:path";
import { renameSync } from "../../lib/storage/rename.node.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const base = temporaryFolder("rename");
const from = join(base, "from");
const to = join(base, "to");
afterEach(() => {
  jest.restoreAllMocks();
});

/** Makes the first `times` renames fail. Returns how often it was tried. */
function failing(times: number, code: string): () => number {
  const real = fs.renameSync;
  let tries = 0;
  spyOn(fs, "renameSync").mockImplementation((...args) => {
    if (++tries <= times) throw Object.assign(new Error(`${code}: operation not permitted`), { code });
    real(...args);
  });
  return () => tries;
}

test.each(["EPERM", "EACCES", "EBUSY"])("a rename that Windows refuses by %s for a moment is tried again", (code) => {
  fs.writeFileSync(from, code);
  const tries = failing(2, code);
  renameSync(from, to, [1, 1, 1]);
  expect([tries(), fs.readFileSync(to, "utf8"), fs.existsSync(from)]).toEqual([3, code, false]);
});

test("a rename that stays refused fails with the system's error, after the last wait", () => {
  fs.writeFileSync(from, "x");
  const tries = failing(9, "EBUSY");
  expect(() => renameSync(from, to, [1, 1, 1])).toThrow("EBUSY");
  expect([tries(), fs.existsSync(from)]).toEqual([4, true]);
});

test("any other error is one for good, and here on Linux each is", () => {
  const tries = failing(9, "ENOSPC");
  expect(() => renameSync(from, to, [1, 1, 1])).toThrow("ENOSPC");
  expect(tries()).toBe(1);
  jest.restoreAllMocks();
  const refused = failing(9, "EPERM");
  expect(() => renameSync(from, to)).toThrow("EPERM");
  expect(refused()).toBe(process.platform === "win32" ? 7 : 1);
});
