import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** File systems whose power can be cut: the size of their image and how it is made. */
const MAKE = {
  // Without auto_da_alloc, because ext4 would then sync some renamed files by itself.
  ext4: { size: "32M", command: ["mkfs.ext4", "-q", "-F"], mount: "loop,noauto_da_alloc" },
  // The minimum size of mkfs.xfs.
  xfs: { size: "300M", command: ["mkfs.xfs", "-q", "-f"], mount: "loop" },
} as const;

export type FileSystem = keyof typeof MAKE;

/** A file system in an image file, mounted in a temporary folder. */
export interface Disk {
  /** Its mount point. */
  readonly folder: string;
  mount(): Promise<void>;
  unmount(): Promise<void>;
  /** Saves the unmounted disk for `reset()`. */
  keep(): Promise<void>;
  reset(): Promise<void>;
}

/** Makes a disk for `use`, and removes it afterwards. */
export async function withDisk<T>(type: FileSystem, use: (disk: Disk) => Promise<T>): Promise<T> {
  const { size, command, mount } = MAKE[type];
  // In memory where possible: the file system decides what a cut loses, not the device below it.
  const home = fs.mkdtempSync(join(fs.existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), `carryover-${type}-`));
  const [image, kept, folder] = [join(home, "image"), join(home, "kept"), join(home, "disk")];
  // Runs after the unmount, even if a signal ends the process.
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

/** Mounted folders. They are unmounted however this process ends, unless it is killed. */
const mounted = new Set<string>();

/** Mounts something at a folder. `args` are the arguments of `mount` before the folder. */
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

/** How long another process may look into a mount and keep it busy. */
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

/** Everything that a program prints. */
export function textOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  return new Response(stream).text();
}

/** Runs a program to its end and returns what it printed. @throws If it fails. */
export async function run(command: readonly string[]): Promise<string> {
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([textOf(child.stdout), textOf(child.stderr), child.exited]);
  if (code !== 0) throw new Error(`"${command.join(" ")}" ended with ${code}: ${stderr.trim()}`);
  return stdout;
}

/**
 * Returns what the machine lacks to mount a file system: root, a program, permission; `undefined` if nothing.
 *
 * @param type `tmpfs`, or a file system on a loop device.
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
    // A tmpfs needs the same permission, and no image.
    if (Bun.spawnSync(["mount", "-t", "tmpfs", "none", folder]).exitCode !== 0) return "permission to mount";
    Bun.spawnSync(["umount", folder]);
  } finally {
    fs.rmdirSync(folder);
  }
  return undefined;
}
