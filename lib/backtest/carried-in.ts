import type { Trade } from "../memory/trade.ts";
import { changedPaths, isRecord } from "../util/json.ts";
import type { RunKey } from "./run-key.ts";

/** Runs that a note names. */
const MAX_RUNS = 3;

/** Assets that a note names. */
const MAX_ASSETS = 5;

/** What of a run's providers makes other trades: their files, and what the configuration says of them. */
function providerParts({ files, config }: RunKey): object {
  return { files, config: isRecord(config) ? { providers: config["providers"] } : {} };
}

/**
 * Says which runs made the trades that a run carries in, if they are several runs, or one with other providers: a strategy that was
 * edited also learns from what its older version did. Also says which of the trades are of other assets.
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
  const others = otherAssetNotes(carriedIn, key);
  if (runs.length === 0 || (runs.length === 1 && !isChanged)) return others;
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
  const unnamed = runs.length - named.length;
  const rest = unnamed === 0 ? "" : ` and ${unnamed} more ${unnamed === 1 ? "run" : "runs"}`;
  const afresh = isChanged ? ". --memory-dir begins afresh" : "";
  return [
    `Remembers trades of ${runs.length === 1 ? "another run" : `${runs.length} runs`}: ${named.join(", ")}${rest}${afresh}`,
    ...others,
  ];
}

/** Says how many of the trades are of assets that the run does not trade, as they are where its bars are the user's and the memory is the sample's. */
function otherAssetNotes(carriedIn: readonly Trade[], { bars }: RunKey): readonly string[] {
  const others = carriedIn.map(({ asset }) => asset).filter((asset) => !Object.hasOwn(bars, asset));
  if (others.length === 0) return [];
  const assets = [...new Set(others)].toSorted();
  const named = assets.slice(0, MAX_ASSETS).join(", ") + (assets.length > MAX_ASSETS ? ", ..." : "");
  return [`Remembers ${others.length} trades of ${named}, which this run does not trade. --memory-dir begins afresh`];
}
