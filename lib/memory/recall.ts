import type { Market, SimilarTrade } from "../types.ts";
import { embedSentence, type Embedder } from "../embed/embedder.ts";
import { CarryoverError } from "../errors.ts";
import type { Storage } from "../storage/storage.ts";
import { SearchIndex } from "../search/search-index.ts";
import type { Match } from "../search/top-k.ts";
import { isUnit } from "../util/vectors.ts";
import { situationSentence } from "./description.ts";
import { decodeOutcome, MAX_OUTCOME_BYTES, outcomeFileName } from "./outcome.ts";
import { countedTrades, similarTrade, type Trade } from "./trade.ts";
import type { OnEmbedded } from "./embed-missing.ts";
import type { DamagedFile, MemoryReading } from "./load.ts";
import { readVectors } from "./vectors.ts";

/** What is asked of a memory. */
export interface RecallQuestion {
  /** What the situations of the trades should be like. */
  readonly sentence: string;
  /** Trades wanted; all of them where there are fewer. */
  readonly k: number;
  /** Trades that closed before this epoch ms count. @default all */
  readonly asOfMs?: number | undefined;
  /** Upper and lower case are the same. @default all */
  readonly asset?: string | undefined;
  /** Upper and lower case are the same. @default all */
  readonly regime?: string | undefined;
}

/** What a memory answers. */
export interface RecallResult {
  /** Trades on real bars, or on synthetic ones where there are no others. */
  readonly market: Market;
  /** What the question is about, as the trades have it. */
  readonly asset: string | undefined;
  readonly regime: string | undefined;
  /** Distinct trades of that market, whenever they closed. */
  readonly remembered: number;
  /** Those that the question is about: closed before its time, of its asset and regime. */
  readonly searched: number;
  /** Most similar first; of equals, the one that closed first. */
  readonly similar: readonly SimilarTrade[];
  /** Further trades that are exactly as similar as the last one: which of them are among the `k` says nothing. */
  readonly tied: number;
  /** Searched trades whose vector is missing, damaged or another embedder's, and was made for this answer alone. */
  readonly embedded: number;
  /** Files that are not what was written; nothing was moved. */
  readonly damaged: readonly DamagedFile[];
}

/**
 * Asks a memory for the trades whose situations are most like a sentence. The filters come before the top k. Writes nothing.
 *
 * @param reading Of `storage`: what `readMemory()` found there.
 * @throws {CarryoverError} `NOT_FOUND` for an asset or regime that no remembered trade is of.
 */
export async function recallTrades(
  storage: Storage,
  reading: MemoryReading,
  question: RecallQuestion & { embedder: Embedder; onEmbedded?: OnEmbedded | undefined },
): Promise<RecallResult> {
  const { embedder, sentence, k, asOfMs = Infinity, onEmbedded } = question;
  const { market, trades } = countedTrades(reading.trades);
  const asset = knownName("asset", question.asset, trades);
  const regime = knownName("regime", question.regime, trades);
  const wanted = trades.filter(
    (trade) =>
      trade.exitMs < asOfMs &&
      (asset === undefined || trade.asset === asset) &&
      (regime === undefined || trade.regime === regime),
  );

  const stored = wanted.length === 0 ? new Map<Trade, Float32Array>() : await soundVectors(storage, reading, embedder);
  const index = new SearchIndex({ dim: embedder.dim });
  const searched: Trade[] = [];
  const damaged = [...reading.damaged];
  const missing = wanted.reduce((sum, trade) => sum + (stored.has(trade) ? 0 : 1), 0);
  let embedded = 0;
  for (const trade of wanted) {
    let vector = stored.get(trade);
    if (vector === undefined) {
      const description = await readDescription(storage, { trade, damaged });
      if (description === undefined) continue;
      vector = await embedSentence(embedder, situationSentence(description));
      embedded += 1;
      onEmbedded?.(embedded, missing);
    }
    index.insert([vector]);
    searched.push(trade);
  }
  const query = searched.length === 0 ? undefined : await embedSentence(embedder, sentence);
  const search = (count: number): readonly Match[] => (query === undefined ? [] : index.search(query, { k: count }));
  const nearest = search(k + 1);
  const matches = nearest.slice(0, k);
  const least = matches.at(-1)?.similarity;
  let tied = 0;
  if (nearest.length > k && nearest[k]?.similarity === least) {
    tied = search(searched.length)
      .slice(k)
      .filter(({ similarity }) => similarity === least).length;
  }
  const similar = matches.map(({ row, similarity }) => similarTrade(searched[row] as Trade, similarity));
  const counts = { remembered: trades.length, searched: searched.length, tied, embedded };
  return { market, asset, regime, ...counts, similar, damaged };
}

/** The name as the trades have it. In a memory without trades any name will do: nothing is found anyway. */
function knownName(what: "asset" | "regime", name: string | undefined, trades: readonly Trade[]): string | undefined {
  if (name === undefined || trades.length === 0) return name;
  const names = [...new Set(trades.map((trade) => trade[what]))].toSorted();
  const known = names.find((each) => each === name) ?? names.find((each) => each.toLowerCase() === name.toLowerCase());
  if (known !== undefined) return known;
  const found = `found no trade of the ${what} "${name}"`;
  throw new CarryoverError(
    "NOT_FOUND",
    `Cannot recall: ${found}, expected ${names.map((each) => `"${each}"`).join(", ")}`,
  );
}

/** The stored vectors that are sound and of this embedder. */
export async function soundVectors(
  storage: Storage,
  { sidecar }: MemoryReading,
  embedder: Embedder,
): Promise<Map<Trade, Float32Array>> {
  const sound = new Map<Trade, Float32Array>();
  if (sidecar?.fingerprint !== embedder.fingerprint || sidecar.dim !== embedder.dim) return sound;
  (await readVectors(storage, sidecar)).forEach((vector, i) => {
    const trade = sidecar.trades[i];
    if (trade !== undefined && vector !== undefined && isUnit(vector)) sound.set(trade, vector);
  });
  return sound;
}

/** An outcome's description; `undefined` where a writer has moved the file away by now, or it is damaged, which is noted. */
export async function readDescription(
  storage: Storage,
  { trade, damaged }: { trade: Trade; damaged: DamagedFile[] },
): Promise<string | undefined> {
  const name = outcomeFileName(trade.id);
  const bytes = await storage.read(name, { maxBytes: MAX_OUTCOME_BYTES + 1 });
  if (bytes === undefined) return undefined;
  try {
    return (await decodeOutcome(bytes, name)).description;
  } catch (error) {
    if (!(error instanceof CarryoverError) || error.code !== "CORRUPT") throw error;
    damaged.push({ name, problem: error.message });
    return undefined;
  }
}
