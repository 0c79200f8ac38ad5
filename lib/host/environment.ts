import { hostname } from "node:os";
import { basename } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import type { LockHolder } from "../files/storage.ts";

/** This version of Carryover: a part of every run key. */
export const VERSION: string = manifest.version;

/** What a second writer is told of this process. */
export function lockHolder(): LockHolder {
  const [, script = "", ...words] = process.argv;
  return {
    pid: process.pid,
    command: [basename(script), ...words].join(" "),
    host: hostname(),
    since: new Date().toISOString(),
  };
}
