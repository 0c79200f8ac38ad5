/** Prepared folders, and children that are hurt in copies of them. */
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
  /** Files of the start, as `filesOf()` gives them. */
  readonly start: Readonly<Record<string, string>>;
  /** A fresh copy of the start, or of another folder. */
  copy(of?: string): string;
  /** Removes copies. */
  drop(...folders: readonly string[]): void;
  /** Runs a child on a folder: a verb of perform.ts. */
  child(verb: "perform" | "recover" | "insist", work: string, injection?: Injection): Promise<Traced>;
}

/** Lends an operation's scene. */
export async function withScene<T>(operation: Operation, use: (scene: Scene) => Promise<T>): Promise<T> {
  // Where files are in memory a sync costs nothing; what is injected and what is left are the same.
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
        // Times stay as they are, and so do hard links between backups.
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

/** What a child said was acknowledged. */
export function acknowledgedIn({ stdout }: Traced): readonly string[] {
  return stdout.split("\n").flatMap((line) => (line.startsWith("ack ") ? [line.slice(4)] : []));
}

/** strace counts: the call that it hurt must be the one that was meant. */
function assertInjected(result: Traced, { call, does }: Injection): void {
  const hurt = result.calls.find(({ name, nth }) => name === call.name && nth === call.nth);
  if (hurt?.what !== call.what) throw new Error(`hurt "${hurt?.what}" instead of "${call.what}": ${result.stderr}`);
  if (does !== "signal=KILL") return;
  if (result.code !== 137 || result.calls.at(-1) !== hurt) throw new Error(`not killed at "${call.what}"`);
}

/** Every n-th of the items, so that about `count` are left; always the first and the last. */
export function sampleOf<T>(items: readonly T[], count: number): readonly T[] {
  if (items.length <= count) return items;
  const places = Array.from({ length: count }, (_, i) => Math.round((i * (items.length - 1)) / (count - 1)));
  return places.flatMap((place) => items.slice(place, place + 1));
}

/** Where a call failed, for a message. */
export async function at<T>(call: SystemCall, does: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${does} at "${call.what}" (${call.name} number ${call.nth}): ${why}`, { cause: error });
  }
}
