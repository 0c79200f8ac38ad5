/**
 * What a backup costs when little is new, compared with a copy and with restic.
 *
 *     bun bench/backup.ts
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { PROJECT_DIR } from "../test/samples.ts";
import { embedderOf } from "./support/embedders.ts";
import {
  asMs,
  elapsed,
  median,
  renderReport,
  runProcess,
  takeTurns,
  temporaryFolder,
  versus,
  type BenchReport,
  type BenchRow,
} from "./support/measure.ts";
import { makeMemory, outcomesLikeReal, writeOutcomes } from "./support/memory-folders.ts";

export interface BackupOptions {
  readonly outcomes?: number;
  /** Of the memory that is backed up for the first time. */
  readonly firstOutcomes?: number;
  readonly added?: number;
  readonly rounds?: number;
}

/** A way to back up a folder. */
interface Contender {
  readonly name: string;
  /** Where its backups are. */
  readonly dir: string;
  run(): void;
  readonly ms: number[];
  readonly bytes: number[];
}

export async function backup(options: BackupOptions = {}): Promise<BenchReport> {
  const { outcomes = 10_000, firstOutcomes = 20_000, added = 100, rounds = 7 } = options;
  using folder = temporaryFolder();
  const work = folder.path;
  const memoryDir = join(work, "memory");
  await makeMemory(memoryDir, { outcomes, embedder: embedderOf(128) });
  const contenders = contendersIn(work, memoryDir);
  // The first backups contain everything and are not counted.
  for (let round = -1; round < rounds; round++) {
    for (const { run, dir, ms, bytes } of contenders) {
      const before = diskBytes(dir);
      const took = await elapsed(run);
      if (round < 0) continue;
      ms.push(took);
      bytes.push(diskBytes(dir) - before);
    }
    writeOutcomes(memoryDir, outcomesLikeReal(added, { from: outcomes + added * (round + 1) }));
  }
  const shown = outcomes.toLocaleString("en");
  return {
    title: "Backup",
    notes: [
      `${shown} outcomes of which ${added} are new since the last backup, whole processes, medians of ${rounds} in turns; bytes added to the disk, by blocks.`,
      "Ours reads every file of the memory and of the backup before it, links equal files, and syncs and reads back new ones. `cp -r` copies caches too and syncs nothing. restic encrypts, and treats a file with the same time and size as unchanged.",
    ],
    rows: [
      ...rowsOf(contenders, hasRestic() ? undefined : "skipped: no restic"),
      await firstBackupRow(join(work, "first"), { outcomes: firstOutcomes, rounds }),
    ],
  };
}

const MAX_FIRST_RATIO = 1.3;

/** A first backup, which writes and syncs everything, against a copy that is synced as well. */
async function firstBackupRow(work: string, options: { outcomes: number; rounds: number }): Promise<BenchRow> {
  const memoryDir = join(work, "memory");
  await makeMemory(memoryDir, { outcomes: options.outcomes, embedder: embedderOf(128) });
  const script = join(PROJECT_DIR, "scripts/backup.ts");
  const copy = 'cp -r "$1" "$2" && sync -f "$2"';
  /** Into a new folder each time. */
  const into = (command: (target: string) => readonly string[]): number => {
    const target = join(work, "target");
    const { ms } = runProcess(command(target));
    fs.rmSync(target, { recursive: true });
    runProcess(["sync", "-f", work]);
    return ms;
  };
  const times = await takeTurns(
    {
      ours: () =>
        into((target) => [process.execPath, script, "create", "--memory-dir", memoryDir, "--backup-dir", target]),
      peer: () => into((target) => ["sh", "-c", copy, "sh", memoryDir, target]),
    },
    options,
  );
  const what = `first backup of ${options.outcomes.toLocaleString("en")} outcomes against cp -r and sync`;
  return versus(what, times, { atMost: MAX_FIRST_RATIO, goal: `at most ${MAX_FIRST_RATIO}`, missing: undefined });
}

function contendersIn(work: string, memoryDir: string): Contender[] {
  const folder = (name: string): string => {
    const dir = join(work, name);
    fs.mkdirSync(dir);
    return dir;
  };
  const [ours, copies] = [folder("ours"), folder("copies")];
  const script = join(PROJECT_DIR, "scripts/backup.ts");
  const flags = ["--memory-dir", memoryDir, "--backup-dir", ours];
  let copied = 0;
  const contenders: Omit<Contender, "ms" | "bytes">[] = [
    { name: "backup create", dir: ours, run: () => runProcess([process.execPath, script, "create", ...flags]) },
    {
      name: "cp -r",
      dir: copies,
      run: () => runProcess(["cp", "-r", memoryDir, join(copies, String((copied += 1)))]),
    },
  ];
  if (hasRestic()) {
    const dir = folder("restic");
    const command = [
      "restic",
      "--quiet",
      "--repo",
      dir,
      "--password-command",
      "echo x",
      "--cache-dir",
      join(work, "cache"),
    ];
    runProcess([...command, "init"]);
    contenders.push({ name: "restic backup", dir, run: () => runProcess([...command, "backup", memoryDir]) });
  }
  return contenders.map((contender) => ({ ...contender, ms: [], bytes: [] }));
}

function rowsOf(contenders: readonly Contender[], missing: string | undefined): BenchRow[] {
  const [ours, ...peers] = contenders;
  if (ours === undefined) return [];
  const rows = peers.flatMap(({ name, ms, bytes }): BenchRow[] => {
    const ratio = (of: (contender: Pick<Contender, "ms" | "bytes">) => number): string =>
      (of(ours) / of({ ms, bytes })).toFixed(2);
    return [
      {
        what: `time against ${name}`,
        ours: asMs(median(ours.ms)),
        peer: asMs(median(ms)),
        ratio: ratio((contender) => median(contender.ms)),
      },
      {
        what: `bytes against ${name}`,
        ours: asKb(median(ours.bytes)),
        peer: asKb(median(bytes)),
        ratio: ratio((contender) => median(contender.bytes)),
      },
    ];
  });
  if (missing === undefined) return rows;
  const skipped = ["time", "bytes"].map((what) => ({ what: `${what} against restic backup`, peer: missing }));
  return [...rows, ...skipped];
}

function hasRestic(): boolean {
  return spawnSync("restic", ["version"]).status === 0;
}

/** The size of a folder on disk; a file with several names counts once. */
function diskBytes(dir: string): number {
  const [kilobytes = "0"] = runProcess(["du", "-sk", dir]).stdout.split("\t");
  return 1024 * Number(kilobytes);
}

function asKb(bytes: number): string {
  return `${Math.round(bytes / 1024).toLocaleString("en")} KiB`;
}

if (import.meta.main) console.log(renderReport(await backup()));
