/**
 * Whether this version is faster or slower than an older one: both run the same commands as whole processes, in turns.
 *
 *     bun bench/against.ts <git revision> [--rounds N] [--short] [--only TEXT] [--fail-above RATIO]
 *
 * The older version is checked out in a temporary folder and gets its own packages. Where a ratio is above `--fail-above`, the
 * exit code is 1.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { HAS_REAL_BARS, PROJECT_DIR, REAL_BARS_DIR } from "../test/samples.ts";
import { median, renderReport, runProcess, takeTurns, type BenchRow } from "./support/measure.ts";

/** A command that both versions understand. `{memory}` is a folder of its own. */
interface Subject {
  readonly what: string;
  /** Where the memory folder is: on the disk of the temporary folder, or in memory. */
  readonly on: "disk" | "ram";
  /** `fresh`: an empty folder each time; `finished`: one in which the year was run before. */
  readonly memory: "fresh" | "finished";
  readonly command: readonly string[];
}

/** Revisions before the sample shipped read it as well. */
const BARS = ["--data-dir", HAS_REAL_BARS ? REAL_BARS_DIR : join(PROJECT_DIR, "data", "sample")];
const PERIOD = {
  year: ["--start", "2021-01-01", "--end", "2022-01-01"],
  half: ["--start", "2021-01-01", "--end", "2021-07-01"],
};
const YEAR = ["run-chunks.ts", ...PERIOD.year, ...BARS, "--json", "--memory-dir", "{memory}"];

const SUBJECTS: readonly Subject[] = [
  { what: "a year, on disk", on: "disk", memory: "fresh", command: YEAR },
  { what: "a year, in memory", on: "ram", memory: "fresh", command: YEAR },
  { what: "a year without memory, in memory", on: "ram", memory: "fresh", command: [...YEAR, "--no-memory"] },
  { what: "the finished year again", on: "ram", memory: "finished", command: YEAR },
  {
    what: "memory-stats after the year",
    on: "ram",
    memory: "finished",
    command: ["memory-stats.ts", "--memory-dir", "{memory}", "--json"],
  },
  {
    what: "memory-stats --check after the year",
    on: "ram",
    memory: "finished",
    command: ["memory-stats.ts", "--memory-dir", "{memory}", "--check", "--json"],
  },
  {
    what: "compare-memory, half a year",
    on: "ram",
    memory: "fresh",
    command: ["compare-memory.ts", ...PERIOD.half, ...BARS, "--json", "--memory-dir", "{memory}"],
  },
  {
    what: "check-lookahead, half a year",
    on: "ram",
    memory: "fresh",
    command: ["check-lookahead.ts", ...PERIOD.half, ...BARS, "--json", "--memory-dir", "{memory}"],
  },
];

/** Of the short form, which tells a loss of speed in about a minute. */
const SHORT = ["a year, on disk", "a year, in memory", "memory-stats after the year"];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string" },
    short: { type: "boolean", default: false },
    only: { type: "string" },
    "fail-above": { type: "string" },
  },
});
const [revision] = positionals;
if (revision === undefined) {
  console.error("usage: bun bench/against.ts <git revision> [--rounds N] [--short] [--only TEXT] [--fail-above RATIO]");
  process.exit(2);
}
const rounds = Number(values.rounds ?? (values.short ? 3 : 7));
const failAbove = Number(values["fail-above"] ?? Infinity);

const work = mkdtempSync(join(tmpdir(), "carryover-against-"));
const ram = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "carryover-against-"));
try {
  const older = checkOut(revision, join(work, "older"));
  const wanted = SUBJECTS.filter(
    ({ what }) => what.includes(values.only ?? "") && (!values.short || SHORT.includes(what)),
  );
  const rows: BenchRow[] = [];
  let isSlower = false;
  for (const subject of wanted) {
    const row = await compare(subject, older);
    isSlower ||= Number(row.ratio) > failAbove;
    rows.push(row);
  }
  const commit = runProcess(["git", "rev-parse", "--short", revision], { cwd: PROJECT_DIR }).stdout.trim();
  console.log(
    renderReport({
      title: `Against ${commit}`,
      notes: [`Whole processes, in turns; medians of ${rounds}. The peer is this project at ${commit}.`],
      rows,
    }),
  );
  if (isSlower) process.exitCode = 1;
} finally {
  for (const folder of [work, ram]) rmSync(folder, { recursive: true, force: true });
}

/** Puts a revision's files, with its packages, into a folder. */
function checkOut(name: string, folder: string): string {
  mkdirSync(folder);
  const archive = spawnSync("sh", ["-c", `git archive "$1" | tar -x -C "$2"`, "sh", name, folder], {
    cwd: PROJECT_DIR,
    encoding: "utf8",
  });
  if (archive.status !== 0 || !existsSync(join(folder, "package.json"))) {
    throw new Error(`Cannot check out "${name}": ${archive.stderr.trim()}`);
  }
  runProcess([process.execPath, "install", "--frozen-lockfile"], { cwd: folder });
  return folder;
}

async function compare(subject: Subject, older: string): Promise<BenchRow> {
  let folders = 0;
  const newFolder = (): string => join(subject.on === "ram" ? ram : work, `${subject.on}-${folders++}`);
  const finished = new Map<string, string>();
  const run = (project: string): number => {
    let memory = newFolder();
    if (subject.memory === "finished") {
      if (!finished.has(project)) {
        runScript(project, YEAR, memory);
        finished.set(project, memory);
      }
      memory = finished.get(project)!;
    }
    const ms = runScript(project, subject.command, memory);
    if (subject.memory === "fresh") rmSync(memory, { recursive: true, force: true });
    return ms;
  };
  const times = await takeTurns({ ours: () => run(PROJECT_DIR), older: () => run(older) }, { rounds });
  for (const folder of finished.values()) rmSync(folder, { recursive: true, force: true });
  const [ours, peer] = [median(times.ours), median(times.older)];
  return { what: subject.what, ours: inMs(ours), peer: inMs(peer), ratio: (ours / peer).toFixed(2) };
}

function runScript(project: string, [script = "", ...flags]: readonly string[], memory: string): number {
  const args = flags.map((flag) => (flag === "{memory}" ? memory : flag));
  return runProcess([process.execPath, join(project, "scripts", script), ...args], { cwd: project }).ms;
}

function inMs(ms: number): string {
  return `${ms.toFixed(0)} ms`;
}
