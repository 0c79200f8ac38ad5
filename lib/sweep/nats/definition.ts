/** What a server keeps of a sweep: all that a worker needs to run its cells. */
import { corruptFile, fail } from "../../errors.ts";
import { isRecord } from "../../util/json.ts";
import { decodePlan, encodePlan } from "../plan-file.ts";
import type { SweepPlan } from "../plan.ts";

const FORMAT = "carryover-queue";

/** A file of the machine that submitted a sweep. */
export interface InputFile {
  /** Absolute, on that machine. */
  readonly path: string;
  readonly sha256: string;
}

/** A sweep that was submitted. */
export interface SweepDefinition {
  readonly plan: SweepPlan;
  /** Bars, features, votes, prompts, modules and models that the cells read. */
  readonly files: readonly InputFile[];
  /** The run id of each cell, the default first. */
  readonly runs: readonly string[];
}

/** Writes a definition. Equal definitions give equal bytes. */
export function encodeDefinition({ plan, files, runs }: SweepDefinition): Uint8Array {
  const text = new TextDecoder().decode(encodePlan(plan));
  return new TextEncoder().encode(`${JSON.stringify({ format: FORMAT, version: 1, plan: text, files, runs })}\n`);
}

/** Reads a definition. @throws {CarryoverError} `CORRUPT`, also for a path that would leave the folder of a worker. */
export function decodeDefinition(bytes: Uint8Array, name: string): SweepDefinition {
  const { format, version, plan: text, files, runs } = parseObject(bytes);
  const isWhole = format === FORMAT && version === 1 && typeof text === "string";
  if (!isWhole || !Array.isArray(files) || !files.every(isInputFile) || !Array.isArray(runs) || !runs.every(isText)) {
    throw corruptFile(name, { found: "something else", expected: "a sweep, as sweep submit writes it" });
  }
  const plan = decodePlan(new TextEncoder().encode(text), name);
  if (runs.length !== plan.cells.length + 1) {
    throw corruptFile(name, {
      found: `${runs.length} runs`,
      expected: `one for each of ${plan.cells.length + 1} cells`,
    });
  }
  const foreign = [plan.base.file, ...files.map(({ path }) => path)].find((path) => !isPlainPath(path));
  if (foreign === undefined) return { plan, files, runs };
  const expected = 'an absolute path with "/", without "." and ".."';
  throw corruptFile(name, { found: `the path ${JSON.stringify(foreign)}`, expected });
}

/** A run of a queue, and the cell of its sweep. */
export interface QueuedCell {
  readonly run: string;
  readonly cell: number;
}

/** The message that queues a run. */
export function encodeQueuedCell({ run, cell }: QueuedCell): string {
  return JSON.stringify({ run, cell });
}

/** Reads a message. @param subject Names it in messages. @throws {CarryoverError} `CORRUPT`. */
export function decodeQueuedCell(bytes: Uint8Array, subject: string): QueuedCell {
  const { run, cell } = parseObject(bytes);
  if (typeof run === "string" && typeof cell === "number") return { run, cell };
  throw fail("CORRUPT", `Cannot take ${subject}`, { found: "another message", expected: "a run, as submit queues it" });
}

/** An object of JSON; an empty one if the bytes are none. */
export function parseObject(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isInputFile(value: unknown): value is InputFile {
  return isRecord(value) && isText(value["path"]) && /^[0-9a-f]{64}$/.test(String(value["sha256"]));
}

/** Whether a path of another machine stays below the folder that it is put in. */
function isPlainPath(path: string): boolean {
  const [first, ...parts] = path.split("/");
  return (
    first === "" && parts.length > 0 && parts.every((part) => !["", ".", ".."].includes(part) && !/[\\\0]/.test(part))
  );
}
