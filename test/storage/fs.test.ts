import { expect, spyOn, test } from "bun:test";
import fs, { existsSync, mkdirSync, readdirSync, readlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { settleLeftovers } from "../../lib/storage/fs.node.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const base = temporaryFolder("fs");

test("temporary files of killed processes are removed whatever the clock says, those of other programs never", () => {
  const folder = join(base, "sweep");
  mkdirSync(folder);
  const [old, recent] = [`.tmp-${crypto.randomUUID()}`, `.tmp-${crypto.randomUUID()}`];
  const others = [".tmp-of-another-program", "old.json"];
  for (const name of [old, recent, ...others]) writeFileSync(join(folder, name), "x");
  const inTwoHours = Date.now() / 1000 + 7200;
  for (const name of [recent, ...others]) utimesSync(join(folder, name), inTwoHours, inTwoHours);
  utimesSync(join(folder, old), 0, 0);
  settleLeftovers(folder);
  expect(readdirSync(folder).toSorted()).toEqual(others.toSorted());
  settleLeftovers(join(folder, "missing"));
  expect(existsSync(join(folder, "missing"))).toBeFalse();
});

test("names that a killed process may not have synced are synced before their first use", () => {
  const folder = join(base, "settle");
  mkdirSync(folder);
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
  }
});
