/** Operations that run out of a resource: they say so, leave nothing half done, and go on when there is more. */
import fs from "node:fs";
import { join } from "node:path";
import { textOf } from "./disk.ts";
import { bundle } from "./bundle.ts";
import type { Operation } from "./operations.ts";

/**
 * Performs an operation in a process of its own, and checks what it left.
 *
 * @param options `prefix`, `words`: what precedes and follows the command; `message`: what stderr must match if it fails;
 * `more`: provides more of the resource, called before the check.
 * @returns Whether it failed.
 */
export async function performShort(
  operation: Operation,
  work: string,
  options: { prefix?: readonly string[]; words?: readonly string[]; message: RegExp; more?: () => Promise<void> },
): Promise<boolean> {
  const { prefix = [], words = [], message, more } = options;
  const before = temporaries(work);
  const command = [...prefix, process.execPath, await bundle("operate.ts"), operation.name, work, ...words];
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([textOf(child.stdout), textOf(child.stderr), child.exited]);
  if (code !== 0 && (code !== 1 || !message.test(stderr) || stderr.trim().includes("\n"))) {
    throw new Error(`it ended with ${code}: ${stderr}`);
  }
  const left = temporaries(work).filter((name) => !before.includes(name));
  if (left.length > 0) throw new Error(`temporary files are left: ${left.join(", ")}`);
  await more?.();
  const acknowledged = stdout.split("\n").flatMap((line) => (line.startsWith("ack ") ? [line.slice(4)] : []));
  await operation.check(work, acknowledged);
  return code !== 0;
}

function temporaries(work: string): string[] {
  const names = fs.readdirSync(work, { recursive: true, encoding: "utf8" });
  return names.filter((name) => /(^|\/)\.tmp-[^/]*$/.test(name)).map((name) => join(work, name));
}
