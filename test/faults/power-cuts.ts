/** Row 2: the power of a file system is cut, and the file system is mounted again. */
import fs from "node:fs";
import { join } from "node:path";
import { seeded } from "../samples.ts";
import { bundle } from "./bundle.ts";
import { type Disk, type FileSystem, missingForMount, textOf, withDisk } from "./disk.ts";
import type { Fault, FaultResult } from "./fault.ts";
import { type Operation, operations, recordForLong } from "./operations.ts";
import { cutPower, JOURNAL_LOST, JOURNAL_WRITTEN } from "./power.ts";

/** How many cuts of what. */
interface Plan {
  /** About how many calls of an operation are cut; all calls of the operations in `everyCallOf`. */
  readonly calls: number;
  readonly everyCallOf: readonly string[];
  readonly atRandom: number;
}

export const powerCuts: readonly Fault[] = [
  powerFault("ext4", { calls: 8, everyCallOf: ["record", "flush, with an append of vectors"], atRandom: 24 }),
  powerFault("xfs", { calls: 5, everyCallOf: [], atRandom: 10 }),
];

function powerFault(type: FileSystem, plan: Plan): Fault {
  return {
    rows: [2],
    name: `${type}: power cut before calls that change or sync something, after the last, and at random moments`,
    how: `${type} on a loop device shut down by ioctl, its journal written or lost`,
    missing: () => missingForMount(type),
    inject: () => withDisk(type, (disk) => cutEverywhere(disk, plan)),
  };
}

async function cutEverywhere(disk: Disk, plan: Plan): Promise<FaultResult> {
  const cuts: Cut[] = [];
  for (const operation of operations) {
    await prepare(disk, operation);
    // A number beyond the last call cuts at the end.
    const atEnd = await cutAtCall(disk, operation, { call: 1e9, flag: JOURNAL_LOST });
    const { calls } = atEnd;
    if (calls === 0) throw new Error(`${operation.name} was not cut at its end`);
    cuts.push(atEnd);
    const step = plan.everyCallOf.includes(operation.name) ? 1 : Math.max(1, Math.ceil(calls / plan.calls));
    for (let call = 1; call <= calls; call += step) {
      const flags =
        step === 1 ? [JOURNAL_LOST, JOURNAL_WRITTEN] : [cuts.length % 2 === 0 ? JOURNAL_LOST : JOURNAL_WRITTEN];
      for (const flag of flags) cuts.push(await cutAtCall(disk, operation, { call, flag }));
    }
  }
  await prepare(disk, recordForLong);
  const random = seeded(2);
  for (let i = 0; i < plan.atRandom; i += 1) {
    cuts.push(await cutAfter(disk, { delayMs: 150 * random(), flag: i % 2 === 0 ? JOURNAL_LOST : JOURNAL_WRITTEN }));
  }
  for (const { what, failure } of cuts) if (failure !== undefined) throw new Error(`${what}: ${failure.message}`);
  const acknowledged = cuts.reduce((sum, cut) => sum + cut.acknowledged.length, 0);
  return {
    injected: cuts.length,
    found: `all ${acknowledged} acknowledgements hold, nothing is partial, a second start changes nothing; ${await control(disk)}`,
  };
}

/** The first operation without its syncs. If a cut did no harm to that, the test would prove nothing. */
async function control(disk: Disk): Promise<string> {
  const operation = operations[0] as Operation;
  const results: string[] = [];
  for (const without of ["file-syncs", "folder-syncs", "syncs"]) {
    await prepare(disk, operation);
    let lost = 0;
    let cuts = 0;
    for (const flag of [JOURNAL_LOST, JOURNAL_WRITTEN]) {
      for (let call = 6; call <= 18; call += 3) {
        const { acknowledged, failure } = await cutAtCall(disk, operation, { call, flag, without });
        if (acknowledged.length === 0) continue;
        cuts += 1;
        if (failure !== undefined) lost += 1;
      }
    }
    if (lost === 0) throw new Error(`control: ${cuts} cuts did no harm to records without their ${without}`);
    results.push(`without ${without.replace("-", " ")} ${lost} of ${cuts}`);
  }
  return `control: cuts that lost or broke what was acknowledged ${results.join(", ")}`;
}

/** What a cut left. */
interface Cut {
  readonly what: string;
  readonly acknowledged: readonly string[];
  /** Number of calls; 0 if it was cut before the last. */
  readonly calls: number;
  readonly failure: Error | undefined;
}

async function prepare(disk: Disk, operation: Operation): Promise<void> {
  await disk.mount();
  const work = join(disk.folder, "work");
  fs.rmSync(work, { recursive: true, force: true });
  fs.mkdirSync(work);
  await operation.prepare(work);
  await disk.unmount();
  await disk.keep();
}

/** Lets the process itself cut the power, just before one of its calls. */
async function cutAtCall(
  disk: Disk,
  operation: Operation,
  options: { call: number; flag: number; without?: string },
): Promise<Cut> {
  const { call, flag, without } = options;
  const words = [
    "--cut",
    String(call),
    "--flag",
    String(flag),
    ...(without === undefined ? [] : ["--without", without]),
  ];
  const child = await start(disk, operation, words);
  const [stdout, stderr] = await Promise.all([textOf(child.stdout), textOf(child.stderr), child.exited]);
  if (child.signalCode !== "SIGKILL") throw new Error(`${operation.name} was not cut at call ${call}: ${stderr}`);
  return remountAndCheck(disk, operation, { stdout, what: `${operation.name}, cut at call ${call} with flag ${flag}` });
}

/** Cuts the power `delayMs` after the first acknowledgement, whatever happens then. */
async function cutAfter(disk: Disk, options: { delayMs: number; flag: number }): Promise<Cut> {
  const { delayMs, flag } = options;
  const child = await start(disk, recordForLong, ["--threads"]);
  const cut = cutPower(disk.folder, flag, { alone: true });
  let stdout = "";
  let waiting: Promise<void> | undefined;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    stdout += text;
    waiting ??= Bun.sleep(delayMs).then(() => {
      cut();
      child.kill("SIGKILL");
    });
  }
  await Promise.all([waiting, child.exited]);
  // It may fail before it is killed.
  if (child.exitCode === 0) throw new Error(`${recordForLong.name} ended before it was cut`);
  return remountAndCheck(disk, recordForLong, {
    stdout,
    what: `${recordForLong.name}, cut after ${delayMs} ms with flag ${flag}`,
  });
}

async function start(
  disk: Disk,
  operation: Operation,
  words: readonly string[],
): Promise<Bun.Subprocess<"ignore", "pipe", "pipe">> {
  await disk.reset();
  await disk.mount();
  const command = [process.execPath, await bundle("operate.ts"), operation.name, join(disk.folder, "work"), ...words];
  return Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
}

/** Mounts the disk again, as after a power cut, and checks it. */
async function remountAndCheck(
  disk: Disk,
  operation: Operation,
  options: { stdout: string; what: string },
): Promise<Cut> {
  const { stdout, what } = options;
  await disk.unmount();
  await disk.mount();
  const lines = stdout.split("\n").slice(0, -1);
  const said = (word: string): string[] =>
    lines.filter((line) => line.startsWith(word)).map((line) => line.slice(word.length));
  const acknowledged = said("ack ");
  let failure: Error | undefined;
  try {
    await operation.check(join(disk.folder, "work"), acknowledged);
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  }
  await disk.unmount();
  return { what, acknowledged, calls: Number(said("calls ")[0] ?? 0), failure };
}
