import { expect, spyOn, test } from "bun:test";
import fs from "node:fs";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { failureOf } from "./storage-contract.ts";

const folder = temporaryFolder("syncs");

test("after a failed sync of the folder nothing in it is acknowledged: neither what waited for the next sync nor what comes later", async () => {
  const ofFolder: fs.NoParamCallback[] = [];
  const calls = (fd: number, callback: fs.NoParamCallback): void => {
    if (fs.fstatSync(fd).isDirectory()) ofFolder.push(callback);
    else callback(null);
  };
  const fsync = spyOn(fs, "fsync").mockImplementation(calls as typeof fs.fsync);
  try {
    const storage = diskStorage(folder);
    const create = (name: string): ReturnType<typeof failureOf> =>
      failureOf(storage.createOnce(name, new Uint8Array([1])));
    const first = create("first");
    await Bun.sleep(1);
    const second = create("second");
    await Bun.sleep(1);
    expect(ofFolder).toHaveLength(1);
    ofFolder[0]?.(new Error("EIO"));
    const failures = [await first, await second, await create("third")];
    expect(failures.map(({ code }) => code)).toEqual(["IO", "IO", "READ_ONLY"]);
    expect(ofFolder).toHaveLength(1);
    expect(failures[2]?.message).toContain(`a sync of "${folder}" failed`);
  } finally {
    fsync.mockRestore();
  }
});
