import type { Trade } from "../memory/trade.ts";
import { changedPaths, isRecord } from "../util/json.ts";
import type { RunKey } from "./run-key.ts";

/** Runs that a note names. */
const MAX_RUNS = 3;

/** What of a run's providers makes other trades: their files, and what the configuration says of them. */
function providerParts({ files, config }: RunKey): object {
  return { files, config: isRecord(config) ? { providers: config["providers"] } : {} };
}

/**
 * Says which runs made the trades that a run carries in, if they are several runs, or one with other providers: a strategy that was
 * edited also learns from what its older version did.
 *
 * @param known Keys of the folder's runs, by id.
 */
export function carriedInNotes(
  carriedIn: readonly Trade[],
  { key, known }: { key: RunKey; known: ReadonlyMap<string, RunKey> },
): readonly string[] {
  const counts = new Map<string, number>();
  // An imported trade has no run.
  for (const { runId } of carriedIn) if (runId !== "") counts.set(runId, (counts.get(runId) ?? 0) + 1);
  const runs = [...counts].map(([id, trades]) => {
    const older = known.get(id);
    const changed = older === undefined ? [] : changedPaths(providerParts(older), providerParts(key));
    return { id, trades, older, changed };
  });
  const isChanged = runs.some(({ changed }) => changed.length > 0);
  if (runs.length === 0 || (runs.length === 1 && !isChanged)) return [];
  const shown = runs.toSorted(
    (a, b) => b.changed.length - a.changed.length || b.trades - a.trades || (a.id < b.id ? -1 : 1),
  );
  const named = shown.slice(0, MAX_RUNS).map(({ id, trades, older, changed }) => {
    const about = [
      ...(older === undefined ? [] : [older.period.replace("/", " to ")]),
      ...(changed.length === 0 ? [] : [`other ${changed.map((part) => part.replace(/^files\./, "")).join(", ")}`]),
    ];
    return `${trades} of ${id.slice(0, 12)}${about.length === 0 ? "" : ` (${about.join(", ")})`}`;
  });
  const others = runs.length - named.length;
  const rest = others === 0 ? "" : ` and ${others} more ${others === 1 ? "run" : "runs"}`;
  const afresh = isChanged ? ". --memory-dir begins afresh" : "";
  return [
    `Remembers trades of ${runs.length === 1 ? "another run" : `${runs.length} runs`}: ${named.join(", ")}${rest}${afresh}`,
  ];
}
