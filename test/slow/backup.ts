/** Commands of backup at once. `bun run test:slow` */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBackup } from "../../lib/backup/create.node.ts";
import { makeOutcomes } from "../memory/outcome-samples.ts";
import { runScript, writeMemory, type ScriptResult } from "../scripts/run-script.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const base = mkdtempSync(join(tmpdir(), "carryover-backup-cli-"));
let folders = 0;

afterAll(() => rmSync(base, { recursive: true, force: true }));

const OUTCOMES = makeOutcomes(3);

interface Fixture {
  readonly memoryDir: string;
  readonly backupDir: string;
  /** Runs backup.ts on the memory folder. */
  readonly backup: (...args: string[]) => Promise<ScriptResult>;
}

/** A memory of three outcomes. With `backups`, two backups of April 2021; the second has a forget mark. */
async function fixture(options: { backups: boolean }): Promise<Fixture> {
  const root = join(base, String((folders += 1)));
  const memoryDir = join(root, "memory");
  const backupDir = join(root, "backups");
  await writeMemory(memoryDir, OUTCOMES);
  if (options.backups) {
    await createBackup({ memoryDir, backupDir, now: new Date("2021-04-01T06:00:00Z") });
    writeFileSync(join(memoryDir, "forget_655c28cd.json"), '{"provider":"trend","before":"2021-01-01T00:00:00.000Z"}');
    await createBackup({ memoryDir, backupDir, now: new Date("2021-04-02T06:00:00Z") });
  }
  return { memoryDir, backupDir, backup: (...args) => runScript("backup.ts", ["--memory-dir", memoryDir, ...args]) };
}

describe("backup", () => {
  test("create, create --keep-last, prune, verify and restore at once: all succeed, and nothing is called damaged", async () => {
    const { backupDir, backup } = await fixture({ backups: true });
    for (let round = 0; round < 3; round += 1) {
      const results = await Promise.all([
        backup("create"),
        backup("create", "--keep-last", "1"),
        backup("prune", "--keep-last", "1"),
        backup("verify"),
        backup("restore", "latest", "--to", join(backupDir, "..", `restored-${round}`)),
      ]);
      for (const { code, stderr } of results)
        expect([code, stderr.replaceAll(/^Waiting for .*\n/gm, "")]).toEqual([0, ""]);
    }
    expect((await backup("verify")).code).toBe(0);
  });
});
