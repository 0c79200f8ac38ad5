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
 * Says which trades of those that a run carries in were made with other providers, as a strategy that was edited also learns from what
 * its older version did; and which are of other assets.
 *
 * @param known Keys of the folder's runs, by id.
 */
export function carriedInNotes(
  carriedIn: readonly Trade[],
  { key, known }: { key: RunKey; known: ReadonlyMap<string, RunKey> },
): readonly string[] {
  const counts = new Map<string, number>();
  for (const { runId } of carriedIn) counts.set(runId, (counts.get(runId) ?? 0) + 1);
  const runs = [...counts].flatMap(([id, trades]) => {
    const older = known.get(id);
    // An imported trade has no run, and a session of another engine has providers of its own.
    if (older === undefined || older.period.endsWith("/")) return [];
    const changed = changedPaths(providerParts(older), providerParts(key));
    return changed.length === 0 ? [] : [{ id, trades, period: older.period, changed }];
  });
  const others = otherAssetNotes(carriedIn, key);
  if (runs.length === 0) return others;
  const shown = runs.toSorted((a, b) => b.trades - a.trades || (a.id < b.id ? -1 : 1)).slice(0, MAX_RUNS);
  const named = shown.map(({ id, trades, period, changed }) => {
    const parts = changed.map((part) => part.replace(/^files\./, "")).join(", ");
    return `${trades} of ${id.slice(0, 12)} (${period.replace("/", " to ")}, other ${parts})`;
  });
  const unnamed = runs.length - named.length;
  const rest = unnamed === 0 ? "" : ` and ${unnamed} more ${unnamed === 1 ? "run" : "runs"}`;
  const of = runs.length === 1 ? "another run" : `${runs.length} runs`;
  const votes = filesOfVotes(key);
  const [other, unless] = runs.every(({ changed }) => changed.every((part) => votes.has(part)))
    ? ["votes", "If the file only grew, all is well; if not, "]
    : ["providers", ""];
  return [
    `Remembers trades of ${of} with other ${other}: ${named.join(", ")}${rest}. ${unless}--memory-dir begins afresh`,
    ...others,
  ];
}

/** The parts of a key that are files of votes, such as `files.votes.csv`: later rows are added to them. */
function filesOfVotes({ config }: RunKey): ReadonlySet<string> {
  const { providers = [] } = config as { providers?: readonly { type?: string; path?: string }[] };
  return new Set(providers.map(({ type, path }) => (type === "file" ? `files.${path}` : "")));
}

/** Says how many of the trades are of assets that the run does not trade, as they are where its bars are the user's and the memory is the sample's. */
function otherAssetNotes(carriedIn: readonly Trade[], { bars }: RunKey): readonly string[] {
  const others = carriedIn.map(({ asset }) => asset).filter((asset) => !Object.hasOwn(bars, asset));
  if (others.length === 0) return [];
  const assets = [...new Set(others)].toSorted();
  const named = assets.slice(0, MAX_ASSETS).join(", ") + (assets.length > MAX_ASSETS ? ", ..." : "");
  const trades = others.length === 1 ? "a trade" : `${others.length} trades`;
  return [`Remembers ${trades} of ${named}, which this run does not trade. --memory-dir begins afresh`];
}
