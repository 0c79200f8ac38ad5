import { afterEach, expect, mock, spyOn, test } from "bun:test";
import fs from "node:fs";
import { join } from "node:path";
import { FolderHealth } from "../../lib/serve/health.node.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { lockHolder } from "../../lib/storage/lock.node.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const base = temporaryFolder("health");
const BYTES = new Uint8Array(3);

afterEach(() => void mock.restore());

async function lockedFolder(name: string): Promise<{ folder: string; health: FolderHealth; notes: string[] }> {
  const folder = join(base, name);
  const notes: string[] = [];
  const health = new FolderHealth(diskStorage(folder), { folder, onNote: (note) => notes.push(note) });
  await health.storage.lock(lockHolder());
  await health.storage.replace("a.txt", BYTES);
  return { folder, health, notes };
}

const refused = (code: string) => (): never => {
  throw Object.assign(new Error(`${code}: refused`), { code });
};

test("a full disk is a problem once a write has failed, until a file can be written again", async () => {
  const { folder, health, notes } = await lockedFolder("full");
  spyOn(fs, "writeSync").mockImplementation(refused("ENOSPC"));
  expect(await health.problem()).toBeUndefined();
  for (let i = 0; i < 2; i++) await expect(health.storage.replace("b.txt", BYTES)).rejects.toThrow("ENOSPC");
  expect(notes).toEqual([expect.stringContaining("b.txt")]);
  expect(await health.problem()).toBe("writes fail: ENOSPC");
  mock.restore();
  expect(await health.problem()).toBeUndefined();
  expect(fs.readdirSync(folder).toSorted()).toEqual([".lock", ".lock.json", "a.txt"]);
});

test("a second full disk is noted, too, though nobody asked for the folder's health in between", async () => {
  const { health, notes } = await lockedFolder("twice");
  for (const name of ["b.txt", "c.txt"]) {
    spyOn(fs, "writeSync").mockImplementation(refused("ENOSPC"));
    await expect(health.storage.replace(name, BYTES)).rejects.toThrow("ENOSPC");
    mock.restore();
    await health.storage.appendAt("a.txt", BYTES.length, BYTES);
  }
  expect(notes).toEqual([expect.stringContaining("b.txt"), expect.stringContaining("c.txt")]);
  // Three bytes say little of the space.
  spyOn(fs, "writeSync").mockImplementation(refused("ENOSPC"));
  expect(await health.problem()).toBe("writes fail: ENOSPC");
});

test("a folder that was moved away is a problem until it is back", async () => {
  const { folder, health } = await lockedFolder("moved");
  fs.renameSync(folder, `${folder}-away`);
  expect(await health.problem()).toBe("the memory folder is gone");
  fs.renameSync(`${folder}-away`, folder);
  expect(await health.problem()).toBeUndefined();
});

test("a lock that was taken over, and a sync that failed, are problems until the server is restarted", async () => {
  const { folder, health } = await lockedFolder("taken");
  fs.rmSync(join(folder, ".lock"));
  fs.writeFileSync(join(folder, ".lock"), "");
  expect(await health.problem()).toBe("the lock of the memory folder was lost: restart the server");

  const other = await lockedFolder("unsynced");
  spyOn(fs, "fdatasyncSync").mockImplementation(refused("EIO"));
  await expect(other.health.storage.appendAt("c.txt", 0, BYTES)).rejects.toThrow("EIO");
  mock.restore();
  expect(await other.health.problem()).toBe("a sync failed: check the disk, then restart the server");
});
