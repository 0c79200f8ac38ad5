/** Runs a program under strace: lists its system calls in a folder, or kills it or fails at one of them. */
import fs from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Calls that change, sync or close something, and calls that read. */
const TRACED =
  "open,openat,creat,write,writev,pwrite64,pwritev,pwritev2,copy_file_range,sendfile,link,linkat,rename,renameat," +
  "renameat2,unlink,unlinkat,rmdir,truncate,ftruncate,fallocate,fsync,fdatasync,mkdir,mkdirat,symlink,symlinkat," +
  "close,read,pread64,getdents64";

/** A system call in the watched folder. */
export interface SystemCall {
  readonly name: string;
  /** Sequence number among the calls of this name in the folder, from 1. */
  readonly nth: number;
  /** Name and arguments: `openat @/memory/.lock O_RDWR|O_CREAT`, with the folder as `@`. */
  readonly what: string;
  /** Relative to the folder. */
  readonly paths: readonly string[];
}

/** How a traced program ended. */
export interface Traced {
  /** The exit code, or 128 plus the number of the signal that ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Calls in the folder. The last is the one that a kill prevented. */
  readonly calls: readonly SystemCall[];
}

/** A kill just before one call, or an error in its place. */
export interface Injection {
  readonly call: SystemCall;
  /** All calls of a run without a fault. */
  readonly among: readonly SystemCall[];
  readonly does: "signal=KILL" | `error=${string}`;
}

/** Returns what the machine lacks to inject faults; `undefined` if nothing. */
export function missingStrace(): string | undefined {
  if (process.platform !== "linux") return "Linux";
  if (Bun.which("strace") === null) return "strace";
  const { exitCode } = Bun.spawnSync(["strace", "-f", "-qq", "-o", "/dev/null", "true"]);
  return exitCode === 0 ? undefined : "permission to trace a process (ptrace)";
}

/**
 * Runs a command and lists its calls in `folder`.
 *
 * strace counts calls by name and thread. It counts only calls on the watched paths, because other reads of the engine would
 * shift the numbers. So the command must use the same file names in every run, and one thread.
 *
 * @throws If another thread touches the folder.
 */
export async function traced(
  command: readonly string[],
  options: { folder: string; injection?: Injection },
): Promise<Traced> {
  const { folder, injection } = options;
  const log = join(fs.mkdtempSync(join(tmpdir(), "carryover-trace-")), "log");
  const flags = ["-f", "-qq", "-y", "-s", "0", "-e", "signal=none", "-e", `trace=${TRACED}`];
  if (injection !== undefined) {
    const { call, does, among } = injection;
    // Faster, but strace cannot inject a signal with it.
    if (does !== "signal=KILL") flags.push("--seccomp-bpf");
    flags.push("-e", `inject=${call.name}:${does}:when=${call.nth}`);
    for (const path of new Set(among.flatMap(({ paths }) => paths))) flags.push("-P", join(folder, path));
  }
  try {
    const child = Bun.spawn(["strace", ...flags, "-o", log, ...command], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr, exit] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    const code = child.signalCode === "SIGKILL" ? 137 : exit;
    return { code, stdout, stderr, calls: callsIn(fs.readFileSync(log, "utf8"), folder) };
  } finally {
    fs.rmSync(dirname(log), { recursive: true, force: true });
  }
}

function callsIn(log: string, folder: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const counts = new Map<string, number>();
  let main: string | undefined;
  for (const line of log.split("\n")) {
    const [, thread, name, rest = ""] = /^(\d+) +(\w+)\((.*)$/.exec(line) ?? [];
    if (thread === undefined || name === undefined) continue;
    const args = rest.split(/\) += /)[0] ?? "";
    const paths = [...args.matchAll(/["<](\/[^">]*)[">]/g)]
      .map(([, path = ""]) => path)
      .filter((path) => path === folder || path.startsWith(`${folder}/`))
      .map((path) => path.slice(folder.length + 1));
    if (paths.length === 0) continue;
    const words = [name, ...paths.map((path) => `@/${path}`), ...(/\bO_[A-Z|_]+/.exec(args) ?? [])];
    const what = words.join(" ");
    main ??= thread;
    if (thread !== main) {
      // strace may show the last call of a killed process a second time, under another thread.
      if (what === calls.at(-1)?.what) continue;
      throw new Error(`a second thread calls ${name}(${args}`);
    }
    const nth = (counts.get(name) ?? 0) + 1;
    counts.set(name, nth);
    calls.push({ name, nth, what, paths });
  }
  return calls;
}

/** Whether a call opens for writing, writes, links, renames, removes, truncates, creates or syncs. */
export function isChange({ name, what }: SystemCall): boolean {
  if (name === "openat" || name === "open") return /O_WRONLY|O_RDWR|O_CREAT/.test(what);
  return !["close", "read", "pread64", "getdents64"].includes(name);
}
