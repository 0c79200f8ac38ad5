/** Row 8: a read-only file system, and folders without permission. */
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { createBackup } from "../../lib/backup/create.node.ts";
import { makeOutcomes } from "../memory/outcome-samples.ts";
import { PROJECT_DIR } from "../samples.ts";
import { filesOf, writeMemory } from "../scripts/run-script.ts";
import { missingForMount, mountAt, run, textOf, unmountAt } from "./disk.ts";
import type { Fault, FaultResult } from "./fault.ts";

const ID = "20210101T000000Z";
const RUN = ["run-chunks.ts", "--synthetic", "--start", "2021-01-01", "--end", "2021-01-08", "--chunks", "week"];

/** Commands that read and commands that write. `@memory` and the like stand for folders that cannot be written. */
const READERS = [
  ["memory-stats.ts", "--memory-dir", "@memory"],
  ["memory-stats.ts", "--check", "--memory-dir", "@memory"],
  ["recall.ts", "BTCUSD is rising", "--memory-dir", "@memory"],
  ["reset-providers.ts", "--dry-run", "--memory-dir", "@memory"],
  ["backup.ts", "list", "--backup-dir", "@backups"],
  ["backup.ts", "verify", "--backup-dir", "@backups"],
  ["backup.ts", "prune", "--keep-last", "1", "--dry-run", "--backup-dir", "@backups"],
  ["memory-stats.ts", "--memory-dir", `@backups/${ID}`],
  // A read-only memory can be backed up elsewhere.
  ["backup.ts", "create", "--memory-dir", "@memory", "--backup-dir", "@elsewhere/backups"],
  ["backup.ts", "restore", ID, "--to", "@elsewhere/restored", "--backup-dir", "@backups"],
];
const WRITERS = [
  [...RUN, "--memory-dir", "@memory"],
  [...RUN, "--memory-dir", "@new"],
  // A folder without a lock file.
  [...RUN, "--memory-dir", `@backups/${ID}`],
  ["reset-providers.ts", "--memory-dir", "@memory"],
  ["reset-providers.ts", "--forget", "--memory-dir", "@memory"],
  ["rebuild-vectors.ts", "--memory-dir", "@memory"],
  ["memory-stats.ts", "--repair", "--memory-dir", "@memory"],
  ["backup.ts", "create", "--memory-dir", "@memory", "--backup-dir", "@backups"],
  ["backup.ts", "restore", ID, "--to", "@restored", "--backup-dir", "@backups"],
  ["backup.ts", "prune", "--keep-last", "1", "--backup-dir", "@backups"],
];

export const noPermission: readonly Fault[] = [
  {
    rows: [8],
    name: "every command on a read-only file system",
    how: "a bind mount that is read-only",
    missing: () => missingForMount("tmpfs"),
    inject: () =>
      withScene(async (scene) => {
        const { folder } = scene;
        await mountAt(folder, ["--bind", folder]);
        try {
          await run(["mount", "-o", "remount,ro,bind", folder]);
          const found = await tryAll(scene, {
            readers: READERS,
            writers: WRITERS,
            advice: /EROFS.*expected a file system that can be written/,
          });
          return found;
        } finally {
          await unmountAt(folder);
        }
      }),
  },
  {
    rows: [8],
    name: "every command on folders without permission to write, and to read",
    how: "modes of folders, as a user without privileges (setpriv)",
    missing: () => {
      if (process.platform === "win32") return "modes of folders";
      return isRoot() && Bun.which("setpriv") === null ? "setpriv" : undefined;
    },
    inject: () =>
      withScene(async (scene) => {
        const advice = /EACCES.*expected permission: check owner and mode/;
        const prefix = isRoot() ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] : [];
        const inner = ["memory", "backups"].map((name) => join(scene.folder, name));
        await run(["chmod", "-R", "a-w", scene.folder]);
        const reading = await tryAll(scene, { readers: READERS, writers: WRITERS, advice, prefix });
        await run(["chmod", "000", ...inner]);
        // Else a restore is refused for its target.
        fs.rmSync(join(scene.elsewhere, "restored"), { recursive: true });
        const blind = await tryAll(scene, { readers: [], writers: [...READERS, ...WRITERS], advice, prefix });
        return {
          injected: reading.injected + blind.injected,
          found: `${reading.found}; without permission to read all fail with advice`,
        };
      }),
  },
];

interface Scene {
  /** Contains `memory` and `backups`. */
  readonly folder: string;
  /** A folder that can be written. */
  readonly elsewhere: string;
}

async function withScene<T>(use: (scene: Scene) => Promise<T>): Promise<T> {
  const home = fs.mkdtempSync(join(tmpdir(), "carryover-permission-"));
  const scene = { folder: join(home, "scene"), elsewhere: join(home, "elsewhere") };
  try {
    fs.mkdirSync(scene.folder);
    fs.mkdirSync(scene.elsewhere);
    const memoryDir = join(scene.folder, "memory");
    const backupDir = join(scene.folder, "backups");
    await writeMemory(memoryDir, makeOutcomes(9));
    for (const second of [0, 1])
      await createBackup({ memoryDir, backupDir, now: new Date(Date.UTC(2021, 0, 1, 0, 0, second)) });
    return await use(scene);
  } finally {
    await run(["chmod", "-R", "u+rwX", home]);
    fs.rmSync(home, { recursive: true, force: true });
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

async function tryAll(
  { folder, elsewhere }: Scene,
  options: {
    readers: readonly (readonly string[])[];
    writers: readonly (readonly string[])[];
    advice: RegExp;
    prefix?: readonly string[];
  },
): Promise<FaultResult> {
  const { readers, writers, advice, prefix = [] } = options;
  const start = async ([script = "", ...args]: readonly string[]): Promise<{ code: number; stderr: string }> => {
    const words = args.map((arg) => arg.replace(/^@elsewhere/, elsewhere).replace(/^@/, `${folder}/`));
    const command = [...prefix, process.execPath, join(PROJECT_DIR, "scripts", script), ...words];
    const child = Bun.spawn(command, { cwd: elsewhere, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const [stderr, code] = await Promise.all([textOf(child.stderr), child.exited, textOf(child.stdout)]);
    return { code, stderr: stderr.trim() };
  };
  const before = isRoot() ? filesOf(folder) : undefined;
  for (const command of readers) {
    const { code, stderr } = await start(command);
    if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${stderr}`);
  }
  for (const command of writers) {
    const { code, stderr } = await start(command);
    const [last = "", ...others] = stderr.split("\n").reverse();
    const isPlain = others.every((line) => line.startsWith("These bars are synthetic, and say nothing"));
    if (code !== 1 || !isPlain || !advice.test(last) || !last.startsWith("error: Cannot ")) {
      throw new Error(`${command.join(" ")} ended with ${code}: ${stderr}`);
    }
  }
  if (before !== undefined && !isDeepStrictEqual(filesOf(folder), before)) throw new Error("something was written");
  return {
    injected: readers.length + writers.length,
    found: `${readers.length} commands read, ${writers.length} fail with advice and exit 1, nothing is written`,
  };
}
