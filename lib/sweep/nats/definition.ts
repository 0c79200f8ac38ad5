/** What a server keeps of a sweep: all that a worker needs to run its cells. */
import { corruptFile } from "../../errors.ts";
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

/** Reads a definition. @throws {CarryoverError} `CORRUPT`. */
export function decodeDefinition(bytes: Uint8Array, name: string): SweepDefinition {
  const value = parseObject(bytes);
  const { format, version, plan, files, runs } = value;
  const isWhole = format === FORMAT && version === 1 && typeof plan === "string";
  if (!isWhole || !Array.isArray(files) || !files.every(isInputFile) || !Array.isArray(runs)) {
    throw corruptFile(name, { found: "something else", expected: "a sweep, as sweep submit writes it" });
  }
  return { plan: decodePlan(new TextEncoder().encode(plan), name), files, runs: runs.map(String) };
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

function isInputFile(value: unknown): value is InputFile {
  return isRecord(value) && typeof value["path"] === "string" && typeof value["sha256"] === "string";
}
