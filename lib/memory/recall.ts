import { type Embedder, embedSentence } from "../embed/embedder.ts";
import { describesSituation } from "../embed/hashing.ts";
import { fail } from "../errors.ts";
import { SearchIndex } from "../search/search-index.ts";
import type { Storage } from "../storage/storage.ts";
import type { Market, SimilarTrade } from "../types.ts";
import { embedMissing, type OnEmbedded } from "./embed-missing.ts";
import { situationSentence } from "./description.ts";
import { type MemoryReading, readOutcome } from "./load.ts";
import { outcomeFileName } from "./outcome.ts";
import { type DamagedFile, unlessDamaged } from "../storage/damaged-file.ts";
import { countedTrades, similarTrade, type Trade } from "./trade.ts";
import { attachVectors } from "./vectors.ts";

export interface RecallQuestion {
  /** A situation in words. */
  readonly sentence: string;
  /** How many trades; all where there are fewer. */
  readonly k: number;
  /** Only trades that closed before this time, epoch ms. @default all */
  readonly asOfMs?: number | undefined;
  /** Upper and lower case are the same. @default all */
  readonly asset?: string | undefined;
  /** Upper and lower case are the same. @default all */
  readonly regime?: string | undefined;
}

/** A trade that was found. */
export interface RecalledTrade extends SimilarTrade {
  /** Its situation in words, which was compared. Absent if its outcome is damaged, gone or still being written. */
  readonly sentence?: string;
}

export interface RecallResult {
  /** Trades on real bars, or on synthetic ones if there are no others. */
  readonly market: Market;
  /** Asset and regime of the question, in the case of the trades. */
  readonly asset: string | undefined;
  readonly regime: string | undefined;
  /** Distinct trades of that market, whenever they closed. */
  readonly remembered: number;
  /** Those that pass the filters of the question. */
  readonly searched: number;
  /** Most similar first, ties by earlier exit. */
  readonly similar: readonly RecalledTrade[];
  /** Further trades that are exactly as similar as the last one. */
  readonly tied: number;
  /** Name of the embedder that compared them. */
  readonly embedder: string;
  /** Whether any word of the sentence describes a situation. If not, similarity is chance. */
  readonly knowsWords: boolean;
  /** Vectors that were missing, damaged or another embedder's, and were made for this answer alone. */
  readonly embedded: number;
  /** Files that are not as they were written. Nothing was moved. */
  readonly damaged: readonly DamagedFile[];
}

/**
 * Finds the trades whose situations are most like a sentence. The filters come before the top k. Writes nothing.
 *
 * @param reading What `readMemory()` found in `storage`.
 * @throws {CarryoverError} `BAD_USAGE` for a sentence without a word, `NOT_FOUND` for an asset or regime that no trade has.
 */
export async function recallTrades(
  storage: Storage,
  reading: Pick<MemoryReading, "trades" | "descriptions" | "damaged" | "sidecar">,
  question: RecallQuestion & {
    embedder: Embedder;
    /** The trades to search. @default the distinct ones of `reading` */
    counted?: ReturnType<typeof countedTrades> | undefined;
    onEmbedded?: OnEmbedded | undefined;
    signal?: AbortSignal | undefined;
  },
): Promise<RecallResult> {
  const { embedder, sentence, k, asOfMs = Infinity, onEmbedded, signal } = question;
  // Descriptions are in English.
  if (!/[a-z]/i.test(sentence)) {
    const expected = 'words on a situation such as "BTCUSD falling fast, volatility wild"';
    throw fail("BAD_USAGE", "Cannot recall", { found: JSON.stringify(sentence), expected });
  }
  const { market, trades } = question.counted ?? countedTrades(reading.trades);
  const asset = knownName("asset", question.asset, trades);
  const regime = knownName("regime", question.regime, trades);
  const wanted = trades.filter(
    (trade) =>
      trade.exitMs < asOfMs &&
      (asset === undefined || trade.asset === asset) &&
      (regime === undefined || trade.regime === regime),
  );
  if (wanted.length > 0) await attachVectors(storage, reading.sidecar, { embedder, checkLengths: true });
  const { descriptions } = reading;
  const {
    trades: searched,
    made,
    damaged,
  } = await embedMissing(storage, wanted, { embedder, descriptions, onEmbedded, signal });

  const index = new SearchIndex({ dim: embedder.dim });
  index.insert(searched.map(({ vector }) => vector));
  const query = searched.length === 0 ? undefined : await embedSentence(embedder, sentence);
  const { similar, tied } = query === undefined ? { similar: [], tied: 0 } : nearest(index, { query, k, searched });
  const told = await withSentences(storage, similar, descriptions);
  const counts = { remembered: trades.length, searched: searched.length, tied, embedded: made };
  const known = { embedder: embedder.id, knowsWords: knowsWords(sentence, reading, embedder) };
  const allDamaged = [...reading.damaged, ...damaged, ...told.damaged];
  return { market, asset, regime, ...counts, ...known, similar: told.similar, damaged: allDamaged };
}

/** @param descriptions Those that were read already, by id. */
async function withSentences(
  storage: Storage,
  similar: readonly SimilarTrade[],
  descriptions: ReadonlyMap<string, string>,
): Promise<Pick<RecallResult, "similar" | "damaged">> {
  const damaged: DamagedFile[] = [];
  const told: RecalledTrade[] = [];
  for (const trade of similar) {
    const id = trade.decision_id;
    let description = descriptions.get(id);
    await unlessDamaged(damaged, outcomeFileName(id), async () => {
      description ??= (await readOutcome(storage, id))?.description;
    });
    told.push(description === undefined ? trade : { ...trade, sentence: situationSentence(description) });
  }
  return { similar: told, damaged };
}

function knowsWords(sentence: string, { trades }: Pick<MemoryReading, "trades">, embedder: Embedder): boolean {
  // The sentence model knows all words, and imported outcomes may be described in any.
  if (embedder.id !== "hashing" || trades.some(({ crc32 }) => crc32 === null)) return true;
  return describesSituation(sentence, new Set(trades.map(({ asset }) => asset.toLowerCase())));
}

/** The k nearest trades, and how many more are as similar as the last of them. */
function nearest(
  index: SearchIndex,
  { query, k, searched }: { query: Float32Array; k: number; searched: readonly Trade[] },
): { similar: readonly SimilarTrade[]; tied: number } {
  const matches = index.search(query, { k: k + 1 });
  const similar = matches.slice(0, k).map(({ row, similarity }) => similarTrade(searched[row]!, similarity));
  const last = similar.at(-1)?.similarity;
  if (matches[k]?.similarity !== last) return { similar, tied: 0 };
  const others = index.search(query, { k: searched.length }).slice(k);
  return { similar, tied: others.filter(({ similarity }) => similarity === last).length };
}

/** A name in the case that the trades have it. Without trades any name will do, as nothing is found anyway. */
function knownName(what: "asset" | "regime", name: string | undefined, trades: readonly Trade[]): string | undefined {
  if (name === undefined || trades.length === 0) return name;
  const names = [...new Set(trades.map((trade) => trade[what]))].toSorted();
  const known = names.find((each) => each === name) ?? names.find((each) => each.toLowerCase() === name.toLowerCase());
  if (known !== undefined) return known;
  const expected = names.map((each) => `"${each}"`).join(", ");
  throw fail("NOT_FOUND", "Cannot recall", { found: `no trade of the ${what} "${name}"`, expected });
}
