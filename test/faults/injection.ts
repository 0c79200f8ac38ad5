/** Prepared folders, and processes that run in copies of them with a fault. */
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { filesOf } from "../scripts/run-script.ts";
import { bundle } from "./bundle.ts";
import type { Operation } from "./operations.ts";
import { traced, type Injection, type SystemCall, type Traced } from "./strace.ts";

/** An operation and the folder that it starts from. */
export interface Scene {
  readonly operation: Operation;
  /** Files of that folder, as `filesOf()` returns them. */
  readonly start: Readonly<Record<string, string>>;
  /** Makes a copy of that folder, or of another one. */
  copy(of?: string): string;
  /** Removes copies. */
  drop(...folders: readonly string[]): void;
  /** Runs perform.ts with a verb on a folder. */
  child(verb: "perform" | "recover" | "insist", work: string, injection?: Injection): Promise<Traced>;
}

/** Prepares the scene of an operation for `use`, and removes it afterwards. */
export async function withScene<T>(operation: Operation, use: (scene: Scene) => Promise<T>): Promise<T> {
  // In memory a sync costs nothing, and the result is the same.
  const home = fs.mkdtempSync(join(fs.existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "carryover-fault-"));
  const origin = join(home, "start");
  let copies = 0;
  try {
    fs.mkdirSync(origin);
    await operation.prepare(origin);
    const program = await bundle("perform.ts");
    return await use({
      operation,
      start: filesOf(origin),
      copy: (of = origin) => {
        const copy = join(home, String((copies += 1)));
        // With times, and with hard links between backups.
        Bun.spawnSync(["cp", "-a", of, copy]);
        return copy;
      },
      drop: (...folders) => folders.forEach((folder) => fs.rmSync(folder, { recursive: true })),
      child: async (verb, work, injection) => {
        const options = { folder: work, ...(injection === undefined ? {} : { injection }) };
        const result = await traced([process.execPath, program, verb, operation.name, work], options);
        if (injection !== undefined) assertInjected(result, injection);
        return result;
      },
    });
  } finally {
    fs.rmSync(home, { recursive: true, force: true });
  }
}

/** Returns what a process acknowledged. */
export function acknowledgedIn({ stdout }: Traced): readonly string[] {
  return stdout.split("\n").flatMap((line) => (line.startsWith("ack ") ? [line.slice(4)] : []));
}

/** Checks that strace hit the intended call, which it finds by counting. */
function assertInjected(result: Traced, { call, does }: Injection): void {
  const hit = result.calls.find(({ name, nth }) => name === call.name && nth === call.nth);
  if (hit?.what !== call.what) throw new Error(`hit "${hit?.what}" instead of "${call.what}": ${result.stderr}`);
  if (does !== "signal=KILL") return;
  if (result.code !== 137 || result.calls.at(-1) !== hit) throw new Error(`not killed at "${call.what}"`);
}

/** Returns about `count` evenly spaced items, with the first and the last. */
export function sampleOf<T>(items: readonly T[], count: number): readonly T[] {
  if (items.length <= count) return items;
  return Array.from({ length: count }, (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1))]!);
}

/** Runs `work`, and adds the call to its error message. */
export async function at<T>(call: SystemCall, does: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${does} at "${call.what}" (${call.name} number ${call.nth}): ${why}`, { cause: error });
  }
}
