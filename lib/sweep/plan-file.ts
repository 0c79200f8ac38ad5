/** `cells.ndjson`: a line about the sweep, then a line a cell. What `sweep plan` prints, and `sweep work` reads. */
import { corruptFile } from "../errors.ts";
import { isRecord, type Json } from "../util/json.ts";
import { type Cell, type CellKeys, keyProblem, type SweepPlan, sweepIdOf } from "./plan.ts";

const FORMAT = "carryover-sweep";

/** Some million cells. */
export const MAX_PLAN_BYTES: number = 1 << 28;

/** Writes a plan. Equal plans give equal bytes. */
export function encodePlan(plan: SweepPlan): Uint8Array {
  const { base, cells } = plan;
  const head = { format: FORMAT, version: 1, sweep: sweepIdOf(plan), cells: cells.length, base };
  const lines = [head, ...cells].map((line) => `${JSON.stringify(line)}\n`);
  return new TextEncoder().encode(lines.join(""));
}

/**
 * Reads a plan, which may be cut off or changed.
 *
 * @param name Names the file in messages.
 * @throws {CarryoverError} `CORRUPT`.
 */
export function decodePlan(bytes: Uint8Array, name: string): SweepPlan {
  const [first = "", ...rest] = new TextDecoder().decode(bytes).trimEnd().split("\n");
  const head = parseLine(first);
  const { format, version, sweep, cells: count, base } = head ?? {};
  if (format !== FORMAT || version !== 1 || !isRecord(base)) {
    throw corruptFile(name, { found: "another first line", expected: "that of a plan, as sweep plan prints it" });
  }
  const { file, text, set, root } = base;
  const cells = rest.map((line, i) => cellOf(parseLine(line), { line: i + 2, name }));
  if (typeof file === "string" && typeof text === "string" && areCellKeys(set)) {
    const plan = { base: { file, text, set, ...(typeof root === "string" && { root }) }, cells };
    if (cells.length === count && sweepIdOf(plan) === sweep) return plan;
  }
  const expected = `the ${String(count)} cells of sweep ${String(sweep).slice(0, 12)}: make the plan again`;
  throw corruptFile(name, { found: `${cells.length} cells, or others`, expected });
}

function cellOf(fields: Record<string, unknown> | undefined, place: { line: number; name: string }): Cell {
  const { cell, set } = fields ?? {};
  if (cell === place.line - 1 && areCellKeys(set)) return { cell, set };
  throw corruptFile(`${place.name}:${place.line}`, { found: "something else", expected: `cell ${place.line - 1}` });
}

function areCellKeys(set: unknown): set is CellKeys {
  if (!isRecord(set)) return false;
  return Object.entries(set).every(([key, value]) => keyProblem(key, value as Json) === undefined);
}

function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
