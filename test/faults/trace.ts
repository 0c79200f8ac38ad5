/** What a program changed in a folder, call by call. Read from strace, so that it does not depend on our own code. */
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { run } from "./disk.ts";

/** A change, a sync or an acknowledgement. Paths are relative to the folder, which is "" itself. */
export type Step =
  | { readonly call: "create" | "mkdir" | "remove" | "sync"; readonly path: string }
  | { readonly call: "write"; readonly path: string; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly call: "truncate"; readonly path: string; readonly size: number }
  | { readonly call: "rename" | "link"; readonly from: string; readonly to: string }
  | { readonly call: "acknowledge"; readonly what: string };

const CALLS =
  "open,openat,openat2,creat,write,pwrite64,writev,pwritev,pwritev2,truncate,ftruncate,fallocate,copy_file_range," +
  "sendfile,splice,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat,mknod," +
  "mknodat,fsync,fdatasync,sync_file_range,msync";

/**
 * Runs a command and lists its steps in `folder`. A line `ack <what>` on its stdout is an acknowledgement.
 *
 * @throws If it fails, makes an unknown call, or changes the folder from two threads.
 */
export async function traceSteps(command: readonly string[], folder: string): Promise<readonly Step[]> {
  const logs = fs.mkdtempSync(join(tmpdir(), "carryover-trace-"));
  try {
    // One file per thread. Names and data in hex make a line easy to split.
    const flags = ["-ff", "-y", "-xx", "-s", "4000000", "-qq", "-e", `trace=${CALLS}`, "-o", join(logs, "log")];
    await run(["strace", ...flags, ...command]);
    const threads = fs
      .readdirSync(logs)
      .map((name) => stepsIn(fs.readFileSync(join(logs, name), "latin1"), folder))
      .filter((steps) => steps.length > 0);
    if (threads.length > 1) throw new Error(`${threads.length} threads changed "${folder}", expected one`);
    return threads[0] ?? [];
  } finally {
    fs.rmSync(logs, { recursive: true, force: true });
  }
}

function stepsIn(log: string, folder: string): Step[] {
  const inHex = [...Buffer.from(folder)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  const pathOf = (absolute: string): string => posix.relative(folder, absolute);
  const opened = (arg = ""): string => pathOf(decode(/<(.*)>/.exec(arg)?.[1]).toString());
  const named = (arg: string | undefined): string => pathOf(decode(arg).toString());
  const namedIn = (open: string, arg: string | undefined): string =>
    pathOf(posix.resolve(folder, opened(open), decode(arg).toString()));
  const steps: Step[] = [];
  /** Next write position of each open file. */
  const positions = new Map<string, number>();

  for (const line of log.split("\n")) {
    const [, call, list = "", result] = /^(\w+)\((.*)\) += (-?\d+)/.exec(line) ?? [];
    if (call === undefined || result === undefined || result.startsWith("-")) continue;
    const args = list.split(", ");
    const [first = "", second] = args;
    if (call === "write" && first.startsWith("1<")) {
      const lines = decode(second).toString().split("\n");
      for (const text of lines) if (text.startsWith("ack ")) steps.push({ call: "acknowledge", what: text.slice(4) });
    }
    if (!line.includes(inHex)) continue;
    switch (call) {
      case "openat": {
        if (/O_APPEND|O_D?SYNC|O_TMPFILE/.test(list)) throw unknown(line);
        positions.set(result, 0);
        const path = namedIn(first, second);
        if (list.includes("O_CREAT")) steps.push({ call: "create", path });
        if (list.includes("O_TRUNC")) steps.push({ call: "truncate", path, size: 0 });
        break;
      }
      case "pwrite64":
      case "write": {
        const bytes = decode(second).subarray(0, Number(result));
        if (bytes.length !== Number(result)) throw unknown(line);
        const fd = first.replace(/<.*/, "");
        const offset = call === "write" ? (positions.get(fd) ?? 0) : Number(args[3]);
        if (call === "write") positions.set(fd, offset + bytes.length);
        steps.push({ call: "write", path: opened(first), offset, bytes });
        break;
      }
      case "ftruncate":
        steps.push({ call: "truncate", path: opened(first), size: Number(second) });
        break;
      case "fsync":
      case "fdatasync":
        steps.push({ call: "sync", path: opened(first) });
        break;
      case "rename":
      case "link":
        steps.push({ call, from: named(first), to: named(second) });
        break;
      case "mkdir":
        steps.push({ call, path: named(first) });
        break;
      case "unlink":
      case "rmdir":
        steps.push({ call: "remove", path: named(first) });
        break;
      case "unlinkat":
        steps.push({ call: "remove", path: namedIn(first, second) });
        break;
      default:
        throw unknown(line);
    }
  }
  return steps;
}

/** The bytes of `"\x68\x69"`. */
function decode(text = ""): Buffer {
  return Buffer.from(text.replaceAll(/\\x|"/g, ""), "hex");
}

function unknown(line: string): Error {
  return new Error(`Cannot follow a program: found "${line.slice(0, 300)}", expected a known call`);
}
