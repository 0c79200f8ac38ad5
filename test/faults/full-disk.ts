/** Row 7: the disk or its inodes are full. */
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { filesOf, runScript } from "../scripts/run-script.ts";
import { missingForMount, mountAt, run, unmountAt } from "./disk.ts";
import type { Fault } from "./fault.ts";
import { operations } from "./operations.ts";
import { performShort } from "./shortage.ts";

const PAGE = 4096;
/** Space left for an operation. */
const PAGES = [0, 1, 2, 3, 5, 8, 13];
const INODES = [0, 1, 2, 4];
const MESSAGE = /^error: Cannot .*ENOSPC.*expected free space and inodes on the disk/;
const PLENTY = "size=16m,nr_inodes=4000";

export const fullDisk: readonly Fault[] = [
  {
    rows: [7],
    name: `0 to ${PAGES.at(-1)} pages or 0 to ${INODES.at(-1)} inodes left to each operation`,
    how: "a full tmpfs",
    missing: () => missingForMount("tmpfs"),
    inject: () => withTmpfs(fillUnderOperations),
  },
  {
    rows: [7],
    name: "a run on a disk of 256 KiB, which goes on when there is more",
    how: "a full tmpfs",
    missing: () => missingForMount("tmpfs"),
    inject: () => withTmpfs(fillUnderRun),
  },
];

async function withTmpfs<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = fs.mkdtempSync(join(tmpdir(), "carryover-tmpfs-"));
  try {
    await mountAt(folder, ["-t", "tmpfs", "-o", PLENTY, "none"]);
    return await use(folder);
  } finally {
    await unmountAt(folder);
    fs.rmdirSync(folder);
  }
}

async function resize(folder: string, options: string): Promise<void> {
  await run(["mount", "-o", `remount,${options}`, folder]);
}

async function fillUnderOperations(folder: string): ReturnType<Fault["inject"]> {
  const work = join(folder, "work");
  // A size of 0 would mean no limit.
  fs.writeFileSync(join(folder, "ballast"), "x");
  let failed = 0;
  let performed = 0;
  const rooms = [
    ...PAGES.map((count) => ({ pages: count, inodes: 1000 })),
    ...INODES.map((count) => ({ pages: 1000, inodes: count })),
  ];
  for (const operation of operations) {
    for (const { pages, inodes } of rooms) {
      fs.mkdirSync(work);
      await operation.prepare(work);
      const { blocks, bfree, bsize, files, ffree } = fs.statfsSync(folder);
      const size = (blocks - bfree) * bsize + pages * PAGE;
      await resize(folder, `size=${size},nr_inodes=${files - ffree + inodes}`);
      const hasFailed = await performShort(operation, work, {
        message: MESSAGE,
        more: () => resize(folder, PLENTY),
      }).catch((error: unknown) => {
        throw new Error(`${operation.name} with ${pages} pages, ${inodes} inodes: ${String(error)}`, { cause: error });
      });
      performed += 1;
      if (hasFailed) failed += 1;
      fs.rmSync(work, { recursive: true });
    }
  }
  return {
    injected: failed,
    found: `${failed} of ${performed} failed with the reason, old files are whole, no temporary file is left, all go on with more space`,
  };
}

async function fillUnderRun(folder: string): ReturnType<Fault["inject"]> {
  const whole = fs.mkdtempSync(join(tmpdir(), "carryover-whole-"));
  const memory = join(folder, "synthetic");
  const runIn = (dir: string): ReturnType<typeof runScript> => {
    const period = ["--synthetic", "--start", "2021-01-01", "--end", "2021-02-01", "--chunks", "week"];
    return runScript("run-chunks.ts", [...period, "--memory-dir", dir, "--json"], { cwd: whole });
  };
  try {
    await resize(folder, "size=256k");
    const full = await runIn(folder);
    const said = full.stderr.trim().split("\n").at(-1) ?? "";
    if (full.code !== 1 || !MESSAGE.test(said)) throw new Error(`it ended with ${full.code}: ${full.stderr}`);
    const recorded = Object.entries(filesOf(memory)).filter(([name]) => name.startsWith("outcome_"));
    const stats = await runScript("memory-stats.ts", ["--memory-dir", memory, "--json"]);
    const { outcomes, damaged } = JSON.parse(stats.stdout) as { outcomes: { count: number }; damaged: unknown[] };
    if (outcomes.count !== recorded.length || damaged.length > 0) throw new Error(`memory-stats: ${stats.stdout}`);

    await resize(folder, PLENTY);
    const rest = await runIn(folder);
    const reference = await runIn(whole);
    if (rest.code !== 0 || rest.stdout !== reference.stdout) throw new Error(`it did not go on: ${rest.stderr}`);
    const files = filesOf(memory);
    if (!isDeepStrictEqual(files, filesOf(join(whole, "synthetic"))))
      throw new Error("its bytes are not those of an uninterrupted run");
    if (recorded.some(([name, text]) => files[name] !== text)) throw new Error("an outcome was changed");
    return {
      injected: 1,
      found: `stopped after ${recorded.length} outcomes with exit 1, could be read, and went on to the bytes of an uninterrupted run`,
    };
  } finally {
    fs.rmSync(whole, { recursive: true, force: true });
  }
}
