import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Outcome } from "../../lib/types.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { lockHolder } from "../../lib/storage/lock.node.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { PROJECT_DIR } from "../samples.ts";

/** What a script wrote, and how it ended. */
export interface ScriptResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a script is started. */
export interface ScriptOptions {
  /** The current folder. @default the project's */
  readonly cwd?: string;
  /** Added to the environment of the test. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a script of the project in its own process, and waits for its end.
 *
 * @param name Such as `backup.ts`.
 */
export async function runScript(
  name: string,
  args: readonly string[] = [],
  options: ScriptOptions = {},
): Promise<ScriptResult> {
  const { cwd = PROJECT_DIR, env } = options;
  const child = Bun.spawn([process.execPath, join(PROJECT_DIR, "scripts", name), ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  return resultOf(child);
}

const IS_ROOT = process.getuid?.() === 0;
/** The system cannot be made to refuse a file by its mode. */
export const CANNOT_REFUSE: boolean = process.platform !== "linux" || (IS_ROOT && Bun.which("setpriv") === null);

/** Runs a script as a user whom the modes of files refuse. Root is one without its capabilities. */
export async function runRefused(name: string, args: readonly string[]): Promise<ScriptResult> {
  const command = [process.execPath, join(PROJECT_DIR, "scripts", name), ...args];
  const user = IS_ROOT ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] : [];
  return resultOf(Bun.spawn([...user, ...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe" }));
}

/** Waits for the end of a process. */
export async function resultOf(child: Bun.Subprocess<"ignore", "pipe", "pipe">): Promise<ScriptResult> {
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, stdout, stderr };
}

/**
 * Runs `work` while another process holds the lock of a memory folder.
 *
 * @param work Gets the process id of the other process.
 */
export async function whileLocked<T>(memoryDir: string, work: (pid: number) => Promise<T>): Promise<T> {
  const program = `
    import { diskStorage } from ${JSON.stringify(join(PROJECT_DIR, "lib/storage/disk.node.ts"))};
    import { lockHolder } from ${JSON.stringify(join(PROJECT_DIR, "lib/storage/lock.node.ts"))};
    const lock = await diskStorage(process.argv.at(-1)).lock(lockHolder());
    console.log("locked");
    for await (const _ of Bun.stdin.stream()) {}
    await lock.release();
  `;
  const child = Bun.spawn([process.execPath, "--eval", program, memoryDir], { stdin: "pipe", stdout: "pipe" });
  try {
    const { value } = await child.stdout.getReader().read();
    if (new TextDecoder().decode(value) !== "locked\n") throw new Error("the other process could not get the lock");
    return await work(child.pid);
  } finally {
    await child.stdin.end();
    await child.exited;
  }
}

/** Remembers outcomes in a folder and updates its caches, as a run does. */
export async function writeMemory(memoryDir: string, outcomes: readonly Outcome[]): Promise<void> {
  const storage = diskStorage(memoryDir);
  const lock = await storage.lock(lockHolder());
  try {
    const memory = await openMemory(storage, { embedder: hashingEmbedder() });
    for (const outcome of outcomes) await memory.record(outcome);
    await memory.flush();
  } finally {
    await lock.release();
  }
}

/** The text of every file in a folder and below, except the lock. As Latin-1, any bytes can be compared. */
export function filesOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => !name.endsWith(".lock") && statSync(join(folder, name)).isFile())
    .toSorted();
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), "latin1")]));
}
