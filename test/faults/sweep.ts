/**
 * Injects every fault of docs/DURABILITY.md and checks what is left.
 *
 *     bun test/faults/sweep.ts [--only TEXT] [--share K/N]
 *
 * `--only`: only faults whose name or means contains the text; a number selects a row. `--share 2/3`: every third fault, from the
 * second on. A complete sweep without failures and
 * skips writes its counts into the table of docs/DURABILITY.md. Exit code 1 if anything failed.
 */
import { parseArgs } from "node:util";
import type { Fault } from "./fault.ts";
import { matrixRows, writeMatrix, type Tested } from "./matrix.ts";
import { backup } from "./backup.ts";
import { clocks } from "./clocks.ts";
import { errors } from "./errors.ts";
import { fullDisk } from "./full-disk.ts";
import { kills } from "./kills.ts";
import { lostWrites } from "./lost-writes.ts";
import { pairs } from "./pairs.ts";
import { noPermission } from "./no-permission.ts";
import { openFiles } from "./open-files.ts";
import { powerCuts } from "./power-cuts.ts";
import { randomKills } from "./random-kills.ts";
import { resume } from "./resume.ts";
import { suite } from "./suite.ts";

const FAULTS: readonly Fault[] = [
  ...kills,
  ...errors,
  ...powerCuts,
  ...lostWrites,
  ...fullDisk,
  ...noPermission,
  ...openFiles,
  ...resume,
  ...backup,
  ...randomKills,
  ...pairs,
  ...clocks,
  ...suite,
];

/** Faults wait for disks and processes about half of the time. */
const AT_ONCE = 2;

const { only, share } = parseArgs({ options: { only: { type: "string" }, share: { type: "string" } } }).values;
const [part, parts] = (share ?? "1/1").split("/").map(Number) as [number, number];
if (!(part >= 1 && part <= parts)) throw new Error(`Cannot use --share: found "${share}", expected such as 1/3`);
const isWhole = only === undefined && parts === 1;
const rows = matrixRows();
for (const fault of FAULTS) {
  const unknown = fault.rows.filter((row) => !rows.includes(row));
  if (unknown.length > 0) throw new Error(`docs/DURABILITY.md lacks row ${unknown.join(", ")} of "${fault.name}"`);
}
const chosen = FAULTS.filter((fault, i) => {
  if (i % parts !== part - 1) return false;
  if (only === undefined) return true;
  return /^\d+$/.test(only) ? fault.rows.includes(Number(only)) : `${fault.name} ${fault.how}`.includes(only);
});

const counts = { passed: 0, failed: 0, skipped: 0 };
const tests = new Map<number, Tested[]>();

async function sweep(fault: Fault): Promise<void> {
  const { name, how } = fault;
  const label = `row ${fault.rows.join(", ")}: ${name}`;
  const missing = fault.missing();
  if (missing !== undefined) {
    counts.skipped += 1;
    console.log(`skipped: ${missing} (${label})`);
    return;
  }
  const startedMs = performance.now();
  const seconds = (): string => `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
  try {
    const { injected, found } = await fault.inject();
    if (injected === 0) throw new Error("nothing was injected");
    counts.passed += 1;
    for (const row of fault.rows) tests.set(row, [...(tests.get(row) ?? []), { how, injected }]);
    console.log(`ok      ${label}: ${injected} injected; ${found} (${seconds()})`);
  } catch (error) {
    counts.failed += 1;
    console.log(`FAILED  ${label} (${seconds()})\n${error instanceof Error ? error.message : String(error)}`);
  }
}

const waiting = [...chosen];
async function work(): Promise<void> {
  for (let fault = waiting.shift(); fault !== undefined; fault = waiting.shift()) await sweep(fault);
}
await Promise.all(Array.from({ length: AT_ONCE }, work));

const untested = rows.filter((row) => !FAULTS.some((fault) => fault.rows.includes(row)));
if (isWhole && untested.length > 0) console.log(`not tested: row ${untested.join(", ")}`);
if (isWhole && counts.failed === 0 && counts.skipped === 0) {
  // In the order of the list, whichever ended first.
  const order = FAULTS.map(({ how }) => how);
  for (const ways of tests.values()) ways.sort((a, b) => order.indexOf(a.how) - order.indexOf(b.how));
  writeMatrix(tests);
  console.log("docs/DURABILITY.md has these counts");
}
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
if (counts.failed > 0 || chosen.length === 0) process.exitCode = 1;
