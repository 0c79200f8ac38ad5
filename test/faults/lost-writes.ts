/** Row 3: writes without a sync reach the disk in another order, by half, as zeros, or not at all. */
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { bundle } from "./bundle.ts";
import { type CrashState, crashStates, type Files, finalState } from "./crash-states.ts";
import type { Fault } from "./fault.ts";
import { createOnce, type Operation, operations } from "./operations.ts";
import { type Step, traceSteps } from "./trace.ts";

/** Limit of states per operation; of more, evenly spaced ones are checked. */
const MAX_STATES = 400;

export const lostWrites: readonly Fault[] = [
  {
    rows: [3],
    name: "writes without a sync lost, halved, zeroed, out of order",
    how: "the states that a crash may leave of a trace of system calls (strace; the model of ALICE)",
    missing: () => (process.platform === "linux" ? (Bun.which("strace") === null ? "strace" : undefined) : "Linux"),
    inject: async () => {
      let checked = 0;
      let possible = 0;
      for (const operation of [...operations, createOnce]) {
        const { states, failures } = await checkStates(operation, { isThere: operation === createOnce });
        const [failure] = failures;
        if (failure !== undefined) throw new Error(`${operation.name}, ${failure.state.how}: ${failure.error.message}`);
        checked += Math.min(states, MAX_STATES);
        possible += states;
      }
      return {
        injected: checked,
        found: `in ${checked} of ${possible} distinct states everything acknowledged is there, nothing is partial, a second start changes nothing; ${await control()}`,
      };
    },
  },
];

/** Operations without some of their syncs. If the model let them pass, it would prove nothing. */
const CONTROLS = [
  ["record", "file-syncs"],
  ["record", "folder-syncs"],
  ["record", "syncs"],
  ["record of 64 at once", "file-syncs"],
  ["record of 64 at once", "folder-syncs"],
  ["discard", "move-syncs"],
  ["snapshot", "removal-syncs"],
] as const;

async function control(): Promise<string> {
  const results: string[] = [];
  for (const [name, without] of CONTROLS) {
    const operation = operations.find((one) => one.name === name) as Operation;
    const { states, failures } = await checkStates(operation, { without });
    if (failures.length === 0) throw new Error(`control: all ${states} states of ${name} without its ${without} pass`);
    results.push(`${name} without ${without.replace("-", " ")} ${failures.length} of ${Math.min(states, MAX_STATES)}`);
  }
  return `control: states that lose or break what was acknowledged: ${results.join(", ")}`;
}

interface Failure {
  readonly state: CrashState;
  readonly error: Error;
}

/** @param options `isThere`: its files exist already, unsynced; only states after an acknowledgement are checked. */
async function checkStates(
  operation: Operation,
  options: { without?: string; isThere?: boolean },
): Promise<{ states: number; failures: readonly Failure[] }> {
  const home = fs.mkdtempSync(join(fs.existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "carryover-states-"));
  try {
    const work = join(home, "work");
    fs.mkdirSync(work);
    await operation.prepare(work);
    const before = readAll(work);
    const steps: Step[] = [];
    if (options.isThere === true) {
      const unsynced = await stepsOf(operation, work, { without: "syncs" });
      steps.push(...unsynced.filter(({ call }) => call !== "acknowledge"));
    }
    steps.push(...(await stepsOf(operation, work, options)));
    // Shows that the trace missed nothing.
    if (!isDeepStrictEqual(plain(finalState(before, steps)), plain(readAll(work)))) {
      throw new Error(`${operation.name}: its trace does not lead to the files that it left`);
    }
    const all = crashStates(before, steps);
    const states = options.isThere === true ? all.filter(({ acknowledged }) => acknowledged.length > 0) : all;
    const failures: Failure[] = [];
    for (const [i, state] of sample(states).entries()) {
      const folder = join(home, String(i));
      writeAll(folder, state.files);
      await operation.check(folder, state.acknowledged).catch((error: unknown) => {
        failures.push({ state, error: error instanceof Error ? error : new Error(String(error)) });
      });
      fs.rmSync(folder, { recursive: true });
    }
    return { states: states.length, failures };
  } finally {
    fs.rmSync(home, { recursive: true, force: true });
  }
}

async function stepsOf(operation: Operation, work: string, options: { without?: string }): Promise<readonly Step[]> {
  const { without } = options;
  const words = without === undefined ? [] : ["--without", without];
  return traceSteps([process.execPath, await bundle("operate.ts"), operation.name, work, ...words], work);
}

function sample(states: readonly CrashState[]): readonly CrashState[] {
  const step = Math.max(1, states.length / MAX_STATES);
  return Array.from(
    { length: Math.min(states.length, MAX_STATES) },
    (_, i) => states[Math.floor(i * step)] as CrashState,
  );
}

function readAll(folder: string): Files {
  const entries = fs.readdirSync(folder, { recursive: true, withFileTypes: true });
  const paths = entries.map((entry) => ({ path: join(entry.parentPath, entry.name), isFolder: entry.isDirectory() }));
  return new Map(
    paths
      .map(({ path, isFolder }): [string, Uint8Array] => [
        path.slice(folder.length + 1) + (isFolder ? "/" : ""),
        isFolder ? new Uint8Array() : new Uint8Array(fs.readFileSync(path)),
      ])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function writeAll(folder: string, files: Files): void {
  fs.mkdirSync(folder);
  for (const [path, bytes] of files) {
    if (path.endsWith("/")) fs.mkdirSync(join(folder, path));
    else fs.writeFileSync(join(folder, path), bytes);
  }
}

/** Makes files comparable, whatever kind of array their bytes are in. */
function plain(files: Files): Record<string, string> {
  return Object.fromEntries([...files].map(([path, bytes]) => [path, Buffer.from(bytes).toString("latin1")]));
}
