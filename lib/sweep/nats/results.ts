/** What a server keeps of a run that was made: it belongs to every cell, of whichever sweep, that is this run. */
import { corruptFile } from "../../errors.ts";
import { isRecord } from "../../util/json.ts";
import { CELL_FIGURES, type CellResult } from "../cell-result.ts";
import type { Cell } from "../plan.ts";
import { parseObject } from "./definition.ts";

/** The name of the object that says why a run could not be made. */
export function failureName(run: string): string {
  return `failed.${run}`;
}

/** Writes a result without what belongs to its cell, and without the inputs, which its run id covers. Equal runs give equal bytes. */
export function encodeRunResult({ cell: _cell, set: _set, inputs: _inputs, ...result }: CellResult): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(result)}\n`);
}

/** The result of a cell. @throws {CarryoverError} `CORRUPT`. */
export function decodeRunResult(bytes: Uint8Array, { cell, set }: Cell, run: string): CellResult {
  const value = parseObject(bytes);
  if (value["run_id"] !== run) throw corruptFile(run, { found: "another run in it", expected: "the one of its name" });
  if (isResult(value)) return { ...value, cell, set, inputs: {} };
  throw corruptFile(run, { found: "something else", expected: "the result of a run, as sweep work writes it" });
}

/** Whether an object has what cells are ranked by. */
function isResult(value: Record<string, unknown>): value is Omit<CellResult, "cell" | "set" | "inputs"> {
  const { period, figures, dates, returns, longest_trade_days: longest, days_per_year: perYear } = value;
  if (typeof period !== "string" || typeof longest !== "number" || typeof perYear !== "number") return false;
  if (!isRecord(figures) || !CELL_FIGURES.every((name) => figures[name] === null || typeof figures[name] === "number"))
    return false;
  if (!Array.isArray(dates) || !Array.isArray(returns) || dates.length !== returns.length) return false;
  return dates.every((day) => typeof day === "string") && returns.every((each) => typeof each === "number");
}

/** Writes why a run could not be made. */
export function encodeFailure(error: string): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ error })}\n`);
}

export function decodeFailure(bytes: Uint8Array): string {
  return String(parseObject(bytes)["error"] ?? "unknown");
}
