import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { locateBackupDir, rebuildCommand } from "../../../scripts/cli/config-flags.ts";
import { PROJECT_DIR } from "../../samples.ts";
import { shell } from "./fixture-script.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

describe("the configuration", () => {
  let dir = "";

  beforeAll(() => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), "carryover-cli-")));
    for (const folder of ["own", "typo", "twice", "none"]) mkdirSync(join(dir, folder));
    writeFileSync(join(dir, "own", "config.yaml"), "memory: { dir: kept }\nbacktest: { data_dir: ../bars }\n");
    writeFileSync(join(dir, "typo", "config.yaml"), "memory:\n  dri: kept\n");
    writeFileSync(join(dir, "twice", "config.yaml"), "memory:\n  dir: a\n  dir: b\n");
    writeFileSync(join(dir, "bad.yaml"), "backtest: { seed: x }\n");
    writeFileSync(join(dir, "latin1.yaml"), Buffer.from([0x23, 0xe4, 0x0a]));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test("is read from ./config.yaml, with paths relative to its folder", async () => {
    const { stdout } = await shell("$SCRIPT load", join(dir, "own"));
    expect(JSON.parse(stdout)).toEqual({
      file: join(dir, "own", "config.yaml"),
      baseDir: join(dir, "own"),
      memory: join(dir, "own", "kept"),
      data: join(dir, "bars"),
    });
  });

  test("is the project's if the current folder has none", async () => {
    const { stdout } = await shell("$SCRIPT load", join(dir, "none"));
    expect(JSON.parse(stdout)).toMatchObject({ memory: join(PROJECT_DIR, "data", "memory") });
  });

  test("is found by --config from the current folder, its paths from its own", async () => {
    const { stdout } = await shell("$SCRIPT load --config ../own/config.yaml", join(dir, "none"));
    expect(JSON.parse(stdout)).toMatchObject({ memory: join(dir, "own", "kept") });
  });

  test("exits with 3 if the file of --config is missing", async () => {
    const { code, stderr } = await shell("$SCRIPT load --config nowhere.yaml", dir);
    expect([code, stderr]).toEqual([
      3,
      `error: Cannot read the configuration: found no "${join(dir, "nowhere.yaml")}", expected a YAML file\n`,
    ]);
  });

  test("must be a file in UTF-8", async () => {
    expect(await shell("$SCRIPT load --config own", dir)).toEqual({
      code: 2,
      stdout: "",
      stderr: 'error: Cannot read "own": found a folder, expected a YAML file\n',
    });
    expect(await shell("$SCRIPT load --config latin1.yaml", dir)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("Cannot read latin1.yaml:1:1: found bytes that are not UTF-8"),
    });
  });

  test("is not read if --memory-dir names the memory folder", async () => {
    expect((await shell("$SCRIPT locate --memory-dir ../m", join(dir, "typo"))).stdout.trim()).toBe(`"${dir}/m"`);
  });

  test("names the memory folder", async () => {
    expect((await shell("$SCRIPT locate", join(dir, "own"))).stdout.trim()).toBe(`"${dir}/own/kept"`);
  });

  test.each([
    ["typo", 'config.yaml:2:3: found unknown key "dri" in memory, expected "dir"'],
    ["twice", 'config.yaml:3:3: found the key "dir" a second time, expected it once'],
  ])("is refused with line and column if its memory is wrong (%s)", async (folder, wanted) => {
    expect(await shell("$SCRIPT locate", join(dir, folder))).toEqual({
      code: 2,
      stdout: "",
      stderr: `error: Cannot read ${wanted}\n`,
    });
  });

  test("is checked in full if --config names it", async () => {
    const { code, stderr } = await shell("$SCRIPT locate --config bad.yaml", dir);
    expect([code, stderr.slice(0, 33)]).toEqual([2, "error: Cannot read bad.yaml:1:19:"]);
  });
});

test("rebuildCommand() repeats the flags, quoted for a shell, but not the period of a run", () => {
  const set = ["a.b=[1, 2]", "backtest.start=2021-01-01", "backtest.end=2021-01-02"];
  expect(rebuildCommand({ config: "it's.yaml", set, "memory-dir": "data/memory" })).toBe(
    String.raw`bun scripts/rebuild-vectors.ts --memory-dir data/memory --config 'it'\''s.yaml' --set 'a.b=[1, 2]'`,
  );
});

test("backups are beside memory, in another folder or in S3, but on no other machine", () => {
  expect(locateBackupDir("/srv/memory")).toBe("/srv/backups");
  expect(locateBackupDir("/srv/memory", "/mnt/a:b")).toBe("/mnt/a:b");
  expect(locateBackupDir("/srv/memory", "s3://trading/backups")).toBe("s3://trading/backups");
  for (const dir of ["host:/backups", "me@host:backups", "gs://trading"]) {
    expect(() => locateBackupDir("/srv/memory", dir)).toThrow(
      `Backups go to a folder or to s3://bucket/prefix, found "${dir}": back up to a folder, and copy it with rsync -aH`,
    );
  }
});
