/** Row 26: backups of a folder that a run writes to. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { checkOnce } from "../../lib/maintenance/check.ts";
import { restoreBackup } from "../../lib/backup/restore.node.ts";
import { verifyBackup } from "../../lib/backup/verify.node.ts";
import { createBackup } from "../../lib/backup/create.node.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { PROJECT_DIR } from "../samples.ts";
import type { Fault } from "./fault.ts";

const BACKUPS = 50;

/** Runs two months in chunks of a week, again and again, until `signal`. */
async function keepRunning(folder: string, signal: AbortSignal): Promise<void> {
  const script = join(PROJECT_DIR, "scripts/run-chunks.ts");
  for (let seed = 1; !signal.aborted; seed += 1) {
    const flags = [
      "--synthetic",
      "--start",
      "2021-01-01",
      "--end",
      "2021-03-01",
      "--chunks",
      "week",
      "--seed",
      String(seed),
    ];
    const child = Bun.spawn([process.execPath, script, ...flags, "--memory-dir", folder], {
      cwd: folder,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
      signal,
      killSignal: "SIGKILL",
    });
    const [stderr, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
    if (code !== 0 && !signal.aborted) throw new Error(`the run ended with ${code}: ${stderr}`);
  }
}

async function inject(): ReturnType<Fault["inject"]> {
  const root = mkdtempSync(join(tmpdir(), "carryover-backups-"));
  const memoryDir = join(root, "memory", "synthetic");
  const backupDir = join(root, "backups");
  mkdirSync(memoryDir, { recursive: true });
  const stop = new AbortController();
  try {
    const writing = keepRunning(join(root, "memory"), stop.signal);
    // The await below reports its failure.
    writing.catch(() => {});
    const outcomes: number[] = [];
    let chunks = 0;
    for (let n = 0; n < BACKUPS; n++) {
      await Bun.sleep(20);
      const backup = await createBackup({ memoryDir, backupDir, now: new Date() });
      const problems = await verifyBackup(backupDir, backup.id);
      if (problems.length > 0) throw new Error(`backup ${n} does not verify: ${JSON.stringify(problems)}`);
      // Every chunk in it has its own files and the outcomes that it committed.
      const checkup = await checkOnce(diskStorage(backup.path));
      const damaged = checkup.findings.filter((finding) => finding.damaged);
      if (damaged.length > 0) throw new Error(`backup ${n} has damage: ${JSON.stringify(damaged)}`);
      outcomes.push(checkup.outcomes);
      chunks = checkup.chunks;
      // A restore syncs some hundred files, so only one in ten is tried.
      if (n % 10 > 0) continue;
      const to = join(root, `restored-${n}`);
      await restoreBackup({ backupDir, id: backup.id, to });
      const restored = await checkOnce(diskStorage(to));
      if (!isDeepStrictEqual(restored, checkup)) throw new Error(`backup ${n} restores to something else`);
    }
    stop.abort();
    await writing;
    const [first = 0, last = 0] = [outcomes[0], outcomes.at(-1)];
    if (last <= first) throw new Error(`nothing was written meanwhile: ${first} outcomes before, ${last} after`);
    return {
      injected: BACKUPS,
      found: `each verifies and has no damage, and every tenth was restored; ${first} to ${last} outcomes, ${chunks} chunks at the end`,
    };
  } finally {
    stop.abort();
    rmSync(root, { recursive: true, force: true });
  }
}

export const backup: readonly Fault[] = [
  {
    rows: [26],
    name: "backups while a run writes",
    how: "backups beside `run-chunks`",
    missing: () => undefined,
    inject,
  },
];
