import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { findCopies } from "../../lib/backup/copies.node.ts";
import { createBackup } from "../../lib/backup/create.node.ts";
import { checkOnce } from "../../lib/maintenance/check.ts";
import { repairMemory } from "../../lib/maintenance/repair.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { namesOf, RunFolder } from "../maintenance/run-folder.ts";
import { temporaryFolder } from "../temporary-folder.ts";

// Files are synced here, and a machine may be busy.
setDefaultTimeout(60_000);

const base = temporaryFolder("copies");
const backupDir = join(base, "backups");

let whole: RunFolder;
let sound: string;
beforeAll(async () => {
  whole = await RunFolder.make();
  const memoryDir = makeMemory("sound", {});
  sound = (await createBackup({ memoryDir, backupDir, now: new Date("2021-04-01T06:00:00Z") })).path;
});

/** The folder of the run on disk, with other bytes in some of its files. */
function makeMemory(name: string, changes: Readonly<Record<string, Uint8Array | null>>): string {
  const folder = join(base, name);
  rmSync(folder, { recursive: true, force: true });
  for (const [each, bytes] of [...whole.files, ...Object.entries(changes)]) {
    const path = join(folder, each);
    mkdirSync(dirname(path), { recursive: true });
    if (bytes === null) rmSync(path);
    else writeFileSync(path, bytes);
  }
  return folder;
}

/** Other bytes in a file that backups share. */
function replaceIn(folder: string, name: string, bytes: Uint8Array): void {
  rmSync(join(folder, name));
  writeFileSync(join(folder, name), bytes);
}

/** Copies what is found, and says what was, and what is damaged then. */
async function mend(
  memoryDir: string,
  dir: string = backupDir,
): Promise<{ names: readonly string[]; left: readonly string[] }> {
  const findings = async (): ReturnType<typeof checkOnce> => checkOnce(diskStorage(memoryDir));
  const damaged = (await findings()).findings.filter((finding) => finding.damaged);
  const copies = await findCopies(memoryDir, { backupDir: dir, findings: damaged });
  for (const name of copies?.names ?? []) cpSync(join(copies!.backup, name), join(memoryDir, name));
  const after = (await findings()).findings.filter((finding) => finding.damaged);
  return { names: (copies?.names ?? []).toSorted(), left: namesOf(after) };
}

test("a damaged file of any kind has a sound copy in a backup, before a repair moved it away and after", async () => {
  const patterns = [
    /^outcome_/,
    /^snapshot_/,
    /^forget_/,
    /labels\.json$/,
    /manifest\.json$/,
    /summary\.json$/,
    /2018-02-18_10d\.json$/,
    /decisions\.ndjson$/,
    /equity\.csv$/,
  ];
  for (const name of patterns.map((pattern) => whole.find(pattern))) {
    const memoryDir = makeMemory("damaged", { [name]: whole.flipped(name, 8 * 10) });
    expect(await mend(memoryDir)).toEqual({ names: [name], left: [] });
    if (!name.startsWith("runs/") || name === "runs/labels.json") continue;
    const again = makeMemory("moved", { [name]: whole.flipped(name, 8 * 10) });
    await repairMemory(diskStorage(again), {});
    expect(await mend(again)).toEqual({ names: [name], left: [] });
  }
});

test("a record is copied with the decisions of its chunk if these are damaged, too", async () => {
  const names = [whole.find(/2018-02-18_10d\.json$/), whole.find(/2018-02-18_10d\.decisions\.ndjson$/)].toSorted();
  const memoryDir = makeMemory("both", Object.fromEntries(names.map((name) => [name, whole.flipped(name, 99)])));
  expect(await mend(memoryDir)).toEqual({ names, left: [] });
});

test("a copy that was damaged before it was backed up is none, and hides no other; how long a damaged file is says nothing", async () => {
  const name = whole.find(/summary\.json$/);
  const bytes = whole.flipped(name, 8 * 10);
  const memoryDir = makeMemory("unsound", { [name]: bytes });
  const newest = await createBackup({ memoryDir, backupDir, now: new Date("2021-04-02T06:00:00Z") });
  try {
    const { findings } = await checkOnce(diskStorage(memoryDir));
    expect(await findCopies(memoryDir, { backupDir, findings })).toEqual({ backup: sound, names: [name] });
    writeFileSync(join(memoryDir, name), Buffer.concat([bytes, bytes]));
    expect(await findCopies(memoryDir, { backupDir, findings })).toEqual({ backup: sound, names: [name] });
    // The newest backup has the outcome and the record whole, but not the record's decisions.
    const [outcome, record, decisions] = [/^outcome_/, /2018-02-18_10d\.json$/, /2018-02-18_10d\.decisions/].map(
      (pattern) => whole.find(pattern),
    );
    replaceIn(newest.path, decisions!, whole.flipped(decisions!, 99));
    const changes = [record!, decisions!].map((each) => [each, whole.flipped(each, 99)] as const);
    const damaged = makeMemory("others", { [outcome!]: new Uint8Array(4096), ...Object.fromEntries(changes) });
    const copies = await findCopies(damaged, { backupDir, findings: (await checkOnce(diskStorage(damaged))).findings });
    expect(copies).toEqual({ backup: newest.path, names: [outcome!] });
  } finally {
    rmSync(newest.path, { recursive: true });
  }
});
