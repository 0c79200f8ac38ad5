/** What a server keeps of a run that was made: it belongs to every cell, of whichever sweep, that is this run. */
import { corruptFile } from "../../errors.ts";
import { isRecord } from "../../util/json.ts";
import type { CellResult } from "../cell-result.ts";
import type { Cell } from "../plan.ts";

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
  const value = JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  if (isRecord(value) && value["run_id"] === run) return { cell, set, inputs: {}, ...value } as unknown as CellResult;
  throw corruptFile(run, { found: "another run in it", expected: "the one of its name" });
}

/** Writes why a run could not be made. */
export function encodeFailure(error: string): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ error })}\n`);
}

export function decodeFailure(bytes: Uint8Array): string {
  const value = JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  return isRecord(value) ? String(value["error"]) : "unknown";
}
