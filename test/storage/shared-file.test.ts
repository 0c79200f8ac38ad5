import { expect, setDefaultTimeout, spyOn, test } from "bun:test";
import fs, {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sharedWriter, settleLeftovers } from "../../lib/storage/shared-file.node.ts";
import { PROJECT_DIR } from "../samples.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

test("four processes that make the same hundred files at once agree on who was first, and no file is mixed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "carryover-shared-"));
  const program = `
    import { diskStorage } from ${JSON.stringify(join(PROJECT_DIR, "lib/storage/disk.node.ts"))};
    const storage = diskStorage(process.argv.at(-2));
    const mine = process.argv.at(-1);
    for await (const _ of Bun.stdin.stream()) break;
    const names = Array.from({ length: 100 }, (_, i) => "f" + i);
    const won = await Promise.all(names.map((name) => storage.createShared(name, new TextEncoder().encode(mine.repeat(5000)))));
    console.log(JSON.stringify(names.filter((_, i) => won[i])));
  `;
  try {
    const children = ["a", "b", "c", "d"].map((mine) =>
      Bun.spawn([process.execPath, "--eval", program, folder, mine], { stdin: "pipe", stdout: "pipe" }),
    );
    await Bun.sleep(300);
    for (const child of children) {
      child.stdin.write("go\n");
      await child.stdin.end();
    }
    const won = await Promise.all(
      children.map(async (child) => JSON.parse(await new Response(child.stdout).text()) as string[]),
    );
    expect(won.flat().toSorted()).toEqual(Array.from({ length: 100 }, (_, i) => `f${i}`).toSorted());
    won.forEach((names, i) => {
      for (const name of names) expect(readFileSync(join(folder, name), "utf8")).toBe("abcd".charAt(i).repeat(5000));
    });
    expect(readdirSync(folder)).toHaveLength(100);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("after a sync of the folder that failed, nothing in it is acknowledged: neither what waited for the next sync nor what comes later", async () => {
  const folder = mkdtempSync(join(tmpdir(), "carryover-sync-"));
  const ofFolder: fs.NoParamCallback[] = [];
  const failed: string[] = [];
  const calls = (fd: number, callback: fs.NoParamCallback): void => {
    if (fs.fstatSync(fd).isDirectory()) ofFolder.push(callback);
    else callback(null);
  };
  const fsync = spyOn(fs, "fsync").mockImplementation(calls as typeof fs.fsync);
  try {
    const writer = sharedWriter((path) => failed.push(path));
    const create = (name: string): Promise<string> =>
      writer.create(join(folder, name), new Uint8Array([1])).then(String, (error: unknown) => (error as Error).message);
    const first = create("first");
    await Bun.sleep(1);
    const second = create("second");
    await Bun.sleep(1);
    expect(ofFolder).toHaveLength(1);
    ofFolder[0]?.(new Error("EIO"));
    expect([await first, await second, await create("third")]).toEqual(["EIO", "EIO", "EIO"]);
    expect(ofFolder).toHaveLength(1);
    expect(failed).toEqual([folder]);
  } finally {
    fsync.mockRestore();
    rmSync(folder, { recursive: true });
  }
});

test("what killed processes left is swept after an hour, never what may still be written", () => {
  const folder = mkdtempSync(join(tmpdir(), "carryover-sweep-"));
  try {
    for (const name of [".tmp-old", ".tmp-new", "old.json"]) writeFileSync(join(folder, name), "x");
    const twoHoursAgo = Date.now() / 1000 - 7200;
    for (const name of [".tmp-old", "old.json"]) utimesSync(join(folder, name), twoHoursAgo, twoHoursAgo);
    settleLeftovers(folder);
    expect(readdirSync(folder).toSorted()).toEqual([".tmp-new", "old.json"]);
    settleLeftovers(join(folder, "not-there"));
    expect(existsSync(join(folder, "not-there"))).toBeFalse();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("names that a killed process may not have synced are synced before they are used", () => {
  const folder = mkdtempSync(join(tmpdir(), "carryover-settle-"));
  const fsync = spyOn(fs, "fsyncSync");
  try {
    let synced = "";
    fsync.mockImplementationOnce((fd) => void (synced = readlinkSync(`/proc/self/fd/${fd}`)));
    settleLeftovers(folder);
    if (process.platform === "linux") expect(synced).toBe(folder);
    fsync.mockImplementationOnce(() => {
      throw Object.assign(new Error("EIO: i/o error, fsync"), { code: "EIO" });
    });
    expect(() => settleLeftovers(folder)).toThrow(
      `Cannot sync "${folder}": found EIO: i/o error, fsync, expected a disk without errors`,
    );
  } finally {
    fsync.mockRestore();
    rmSync(folder, { recursive: true });
  }
});
