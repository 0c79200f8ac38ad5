/** What doctor prints. */
import type { HealthCheck, HealthState } from "../../lib/maintenance/health.ts";
import { shownPath } from "../../lib/util/command-line.node.ts";
import { paint } from "../cli/terminal.ts";
import { SCREEN_COLUMNS, wrap } from "./table.ts";

const COLORS = { ok: "green", note: "yellow", missing: "red", damaged: "red" } as const;

/** Columns of a state and of a name, with the spaces after them. */
const STATE_COLUMNS = "damaged".length + 2;
const NAME_COLUMNS = "providers".length + 2;

/** Whether a run can be made and trusted. */
export function allowsRuns({ state }: { readonly state: HealthState }): boolean {
  return state === "ok" || state === "note";
}

export function renderHealth(checks: readonly HealthCheck[]): string {
  return checks.map(lines).join("") + (checks.every(allowsRuns) ? "\nReady to run\n" : "");
}

/** A line, and below it what cures it, in one line so that it can be copied. */
function lines({ name, state, found, folder, cure }: HealthCheck): string {
  const indent = " ".repeat(STATE_COLUMNS + NAME_COLUMNS);
  const head = paint(state, COLORS[state]) + " ".repeat(STATE_COLUMNS - state.length) + name.padEnd(NAME_COLUMNS);
  const where = folder === null ? "" : ` (${shownPath(folder)})`;
  const text = wrap(found + where, SCREEN_COLUMNS - indent.length).map(
    (line, i) => `${i === 0 ? head : indent}${line}\n`,
  );
  return text.join("") + (cure === null ? "" : `${indent}-> ${cure}\n`);
}
