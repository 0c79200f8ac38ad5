/**
 * Performs one operation and prints `ack <what>` as soon as something is acknowledged.
 *
 *     bun operate.ts NAME WORK [--cut NUMBER --flag FLAG] [--without SYNCS] [--handles NUMBER] [--threads]
 *
 * `--cut`: cuts the power of the file system just before the nth call that changes or syncs something, or after the last;
 * prints `calls <number>` at the end. `--without`: skips syncs, as a mutant that the checks must catch: of files
 * (`file-syncs`), of folders (`folder-syncs`), all (`syncs`), or of a folder after a move (`move-syncs`) or a removal
 * (`removal-syncs`). `--handles`: leaves n file handles free. `--threads`: syncs files in threads, as scripts do; calls are then
 * not counted. Failures are reported as a script reports them.
 */
import fs from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { runScript } from "../../scripts/cli/main.ts";
import { useOneThread } from "./answers.ts";
import { createOnce, operations, recordForLong } from "./operations.ts";
import { cutPower } from "./power.ts";

const CHANGES = [
  "openSync",
  "writeSync",
  "ftruncateSync",
  "fsyncSync",
  "fdatasyncSync",
  "renameSync",
  "linkSync",
  "unlinkSync",
  "rmSync",
  "mkdirSync",
] as const;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    cut: { type: "string" },
    flag: { type: "string" },
    without: { type: "string" },
    handles: { type: "string" },
    threads: { type: "boolean" },
  },
});
const [name, work = ""] = positionals;
const operation = [...operations, recordForLong, createOnce].find((one) => one.name === name);
if (operation === undefined) throw new Error(`no operation is called "${name}"`);

const cutAt = Number(values.cut ?? Infinity);
const cut = values.cut === undefined ? () => {} : cutPower(work, Number(values.flag));
const { writeSync, fstatSync } = fs;
let calls = 0;
/** The last change other than a sync. */
let last = "";

for (const call of CHANGES) {
  const original: (...args: never[]) => unknown = fs[call];
  const replacement = (...args: never[]): unknown => {
    if (isSkipped(call, args[0])) return undefined;
    if (call !== "openSync" || (Number(args[1]) & fs.constants.O_CREAT) !== 0) {
      calls += 1;
      if (calls === cutAt) cut();
      if (call === "renameSync") last = dirname(String(args[0])) === dirname(String(args[1])) ? "rename" : "move";
      else if (call !== "fsyncSync" && call !== "fdatasyncSync") last = call === "unlinkSync" ? "removal" : call;
    }
    return original(...args);
  };
  Object.assign(fs, { [call]: replacement });
}

function isSkipped(call: string, fd: unknown): boolean {
  if (values.without === undefined || (call !== "fsyncSync" && call !== "fdatasyncSync")) return false;
  if (values.without === "syncs") return true;
  if (values.without === "move-syncs" || values.without === "removal-syncs") return values.without === `${last}-syncs`;
  return fstatSync(Number(fd)).isDirectory() === (values.without === "folder-syncs");
}

/** Opens files until only `count` more can be opened. */
function leaveHandles(count: number): void {
  const opened: number[] = [];
  try {
    for (;;) opened.push(fs.openSync("/dev/null", "r"));
  } catch {
    for (const fd of opened.slice(opened.length - count)) fs.closeSync(fd);
  }
}

if (values.threads !== true) useOneThread();
await runScript(async () => {
  if (values.handles !== undefined) leaveHandles(Number(values.handles));
  await operation.perform(work, (what) => writeSync(1, `ack ${what}\n`));
  writeSync(1, `calls ${calls}\n`);
  cut();
});
