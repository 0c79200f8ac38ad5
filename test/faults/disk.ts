import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The file systems that can be cut, with the size of an image and what they are made with. */
const MAKE = {
  // Without auto_da_alloc, or ext4 would by itself write some files out that are renamed over others.
  ext4: { size: "32M", command: ["mkfs.ext4", "-q", "-F"], mount: "loop,noauto_da_alloc" },
  // The least that mkfs.xfs takes.
  xfs: { size: "300M", command: ["mkfs.xfs", "-q", "-f"], mount: "loop" },
} as const;

export type FileSystem = keyof typeof MAKE;

/** A file system in an image file, mounted in a temporary folder. */
export interface Disk {
  /** Where it is while it is mounted. */
  readonly folder: string;
  mount(): Promise<void>;
  unmount(): Promise<void>;
  /** Keeps what is on the unmounted disk; `reset()` brings it back. */
  keep(): Promise<void>;
  reset(): Promise<void>;
}

/** Makes a disk, lends it, and leaves nothing of it. */
export async function withDisk<T>(type: FileSystem, use: (disk: Disk) => Promise<T>): Promise<T> {
  const { size, command, mount } = MAKE[type];
  // In memory where that can be: what a cut loses is decided by the file system, not by what is below it.
  const home = fs.mkdtempSync(join(fs.existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), `carryover-${type}-`));
  const [image, kept, folder] = [join(home, "image"), join(home, "kept"), join(home, "disk")];
  // Also where a signal ends the process; it is unmounted before.
  const clean = (): void => fs.rmSync(home, { recursive: true, force: true });
  process.once("exit", clean);
  const copy = async (from: string, to: string): Promise<void> => void (await run(["cp", "--sparse=always", from, to]));
  try {
    fs.mkdirSync(folder);
    await run(["truncate", "-s", size, image]);
    await run([...command, image]);
    return await use({
      folder,
      mount: () => mountAt(folder, ["-t", type, "-o", mount, image]),
      unmount: () => unmountAt(folder),
      keep: () => copy(image, kept),
      reset: () => copy(kept, image),
    });
  } finally {
    await unmountAt(folder);
    process.off("exit", clean);
    clean();
  }
}

/** Folders that are mounted: whatever ends this process but a kill, they are unmounted. */
const mounted = new Set<string>();

/** Mounts something at a folder: `args` is what `mount` takes before it. */
export async function mountAt(folder: string, args: readonly string[]): Promise<void> {
  if (mounted.size === 0) for (const event of ["exit", "SIGINT", "SIGTERM"]) process.on(event, unmountAll);
  mounted.add(folder);
  try {
    await run(["mount", ...args, folder]);
  } catch (error) {
    mounted.delete(folder);
    throw error;
  }
}

/** So long may a process that has nothing to do with the test look into a mount, and keep it busy. */
const BUSY_MS = 10_000;

/** Unmounts a folder, if it is mounted. @throws If it stays busy. */
export async function unmountAt(folder: string): Promise<void> {
  if (!mounted.has(folder)) return;
  const deadlineMs = performance.now() + BUSY_MS;
  for (let done = false; !done;) {
    try {
      await run(["umount", folder]);
      done = true;
    } catch (error) {
      if (!String(error).includes("busy") || performance.now() > deadlineMs) throw error;
      await Bun.sleep(50);
    }
  }
  mounted.delete(folder);
  if (mounted.size === 0) for (const event of ["exit", "SIGINT", "SIGTERM"]) process.off(event, unmountAll);
}

function unmountAll(cause: unknown): void {
  for (const folder of mounted) {
    Bun.spawnSync(["umount", "--lazy", folder]);
    mounted.delete(folder);
  }
  if (typeof cause === "string") process.exit(1);
}

/** All that a program prints. */
export function textOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  return new Response(stream).text();
}

/** Runs a program to its end; returns what it printed. @throws If it fails. */
export async function run(command: readonly string[]): Promise<string> {
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([textOf(child.stdout), textOf(child.stderr), child.exited]);
  if (code !== 0) throw new Error(`"${command.join(" ")}" ended with ${code}: ${stderr.trim()}`);
  return stdout;
}

/**
 * What a machine lacks to mount a file system: root, a program, the right to; `undefined` if nothing.
 *
 * @param type A `tmpfs`, or one on a loop device.
 */
export function missingForMount(type: FileSystem | "tmpfs"): string | undefined {
  if (process.platform !== "linux") return "Linux";
  if (process.getuid?.() !== 0) return "root";
  const programs = ["mount", "umount", ...(type === "tmpfs" ? [] : ["losetup", `mkfs.${type}`])];
  const absent = programs.find((program) => Bun.which(program) === null);
  if (absent !== undefined) return absent;
  if (type !== "tmpfs" && Bun.spawnSync(["losetup", "--find"]).exitCode !== 0) return "a loop device";
  const folder = fs.mkdtempSync(join(tmpdir(), "carryover-mount-"));
  try {
    // A tmpfs needs the same right, and no image.
    if (Bun.spawnSync(["mount", "-t", "tmpfs", "none", folder]).exitCode !== 0) return "the right to mount";
    Bun.spawnSync(["umount", folder]);
  } finally {
    fs.rmdirSync(folder);
  }
  return undefined;
}
