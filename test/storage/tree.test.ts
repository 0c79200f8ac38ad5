import { afterEach, expect, jest, spyOn, test } from "bun:test";
import fs from "node:fs";
import { join } from "node:path";
import { syncFiles } from "../../lib/storage/tree.node.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const folder = temporaryFolder("tree");
const noPause = async (): Promise<void> => {};
const NAMES = Array.from({ length: 150 }, (_, i) => `f${i}`);
for (const name of NAMES) fs.writeFileSync(join(folder, name), name);

afterEach(() => {
  jest.restoreAllMocks();
});

/** Holds syncs until they are ended. */
function holdSyncs(): fs.NoParamCallback[] {
  const held: fs.NoParamCallback[] = [];
  spyOn(fs, "fsync").mockImplementation(((_fd: number, done: fs.NoParamCallback) =>
    held.push(done)) as unknown as typeof fs.fsync);
  return held;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("syncFiles() syncs every file, 64 at once", async () => {
  const opened: string[] = [];
  const { openSync } = fs;
  spyOn(fs, "openSync").mockImplementation((...args) => {
    opened.push(String(args[0]));
    return openSync(...args);
  });
  const held = holdSyncs();
  const synced = syncFiles(folder, { names: NAMES, pause: noPause });
  await turn();
  expect(held).toHaveLength(64);
  while (held.length > 0) {
    held.shift()!(null);
    await turn();
    expect(held.length).toBeLessThanOrEqual(64);
  }
  await synced;
  expect(opened).toEqual(NAMES.map((name) => join(folder, name)));
});

test("syncFiles() fails with the first error, and begins no other sync after it", async () => {
  const held = holdSyncs();
  let failure: unknown;
  const synced = syncFiles(folder, { names: NAMES, pause: noPause }).catch((error: unknown) => (failure = error));
  await turn();
  held[3]!(Object.assign(new Error("EIO"), { code: "EIO" }));
  await turn();
  expect(held).toHaveLength(64);
  // The others are under way: it ends when they have ended.
  expect(failure).toBeUndefined();
  for (const done of held) done(null);
  await synced;
  expect(failure).toMatchObject({ code: "EIO" });
});
