/** Runs a program under strace: what it called in a folder, and with one of these calls killed or failing. */
import fs from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Calls that change, sync or close something; and those that read, which may fail as well. */
const TRACED =
  "open,openat,creat,write,writev,pwrite64,pwritev,pwritev2,copy_file_range,sendfile,link,linkat,rename,renameat," +
  "renameat2,unlink,unlinkat,rmdir,truncate,ftruncate,fallocate,fsync,fdatasync,mkdir,mkdirat,symlink,symlinkat," +
  "close,read,pread64,getdents64";

/** A system call in the folder that is watched. */
export interface SystemCall {
  readonly name: string;
  /** The how-manieth of this name in the folder, from 1. */
  readonly nth: number;
  /** With what: `openat @/memory/.lock O_RDWR|O_CREAT`, the folder as `@`. */
  readonly what: string;
  /** Relative to the folder. */
  readonly paths: readonly string[];
}

/** How a traced program ended. */
export interface Traced {
  /** 128 + the signal's number where one ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** In the folder; the last is the one that a kill prevented. */
  readonly calls: readonly SystemCall[];
}

/** What is done to one call: a kill just before it, or an error in its place. */
export interface Injection {
  readonly call: SystemCall;
  /** All calls of a run that nothing was done to. */
  readonly among: readonly SystemCall[];
  readonly does: "signal=KILL" | `error=${string}`;
}

/** What this machine lacks to inject anything; `undefined` if nothing. */
export function missingStrace(): string | undefined {
  if (process.platform !== "linux") return "Linux";
  if (Bun.which("strace") === null) return "strace";
  const { exitCode } = Bun.spawnSync(["strace", "-f", "-qq", "-o", "/dev/null", "true"]);
  return exitCode === 0 ? undefined : "the right to trace a process (ptrace)";
}

/**
 * Runs a command and lists its calls in `folder`.
 *
 * strace counts calls by name and thread; those that do not touch one of the paths that it watches count for nothing, or
 * what the engine reads now and then would shift the numbers. So the command must use the same names in every run, and one
 * thread.
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
    // Faster, but this strace has no signal to inject then.
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
      // Of a process that it kills, strace may show the last call a second time, under another thread.
      if (what === calls.at(-1)?.what) continue;
      throw new Error(`a second thread calls ${name}(${args}`);
    }
    const nth = (counts.get(name) ?? 0) + 1;
    counts.set(name, nth);
    calls.push({ name, nth, what, paths });
  }
  return calls;
}

/** Whether a call opens for writing, writes, links, renames, removes, cuts, makes or syncs. */
export function isChange({ name, what }: SystemCall): boolean {
  if (name === "openat" || name === "open") return /O_WRONLY|O_RDWR|O_CREAT/.test(what);
  return !["close", "read", "pread64", "getdents64"].includes(name);
}
