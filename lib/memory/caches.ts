/** What is counted from the outcomes and kept beside them: statistics, and `memory.json`, which says of what. */
import { crc32Hex } from "../files/crc32.ts";
import { encodeJson } from "../files/json-file.ts";
import type { Storage } from "../files/storage.ts";
import { countedSince, type ForgetMark } from "./forget.ts";
import type { OutcomeRow } from "./outcome-row.ts";
import { providerPerformance, regimePerformance } from "./performance.ts";

export const PROVIDER_FILE = "provider_performance.json";
export const REGIME_FILE = "regime_performance.json";
export const MEMORY_FILE = "memory.json";

/** Larger files are none of these. */
const MAX_CACHE_BYTES = 1 << 24;

/** What the caches are built from. */
interface Source {
  /** All outcomes, in order of (exit, id). */
  readonly rows: readonly { readonly row: OutcomeRow }[];
  readonly marks: readonly ForgetMark[];
  /** Of the folder's outcomes and marks: see `digestOf()`. */
  readonly digest: string;
}

/** Counts everything anew and writes what has changed; `memory.json` last. */
export async function writeCaches(storage: Storage, source: Source): Promise<void> {
  const rows = source.rows.map(({ row }) => row);
  const providers = encodeJson(providerPerformance(rows, countedSince(source.marks)));
  const regimes = encodeJson(regimePerformance(rows));
  await replaceIfOther(storage, PROVIDER_FILE, providers);
  await replaceIfOther(storage, REGIME_FILE, regimes);
  await replaceIfOther(storage, MEMORY_FILE, memoryBytes(source, { providers, regimes }));
}

/** Whether the statistics are those that were counted from the folder as it is: then they need not be counted anew. */
export async function areCachesCurrent(storage: Storage, source: Source): Promise<boolean> {
  const read = (name: string): Promise<Uint8Array | undefined> => storage.read(name, { maxBytes: MAX_CACHE_BYTES });
  const [providers, regimes, memory] = [await read(PROVIDER_FILE), await read(REGIME_FILE), await read(MEMORY_FILE)];
  if (providers === undefined || regimes === undefined || memory === undefined) return false;
  return areEqual(memory, memoryBytes(source, { providers, regimes }));
}

/** `memory.json` beside these statistics. */
function memoryBytes(source: Source, statistics: { providers: Uint8Array; regimes: Uint8Array }): Uint8Array {
  return encodeJson({
    format: "carryover-memory",
    version: 1,
    outcomes: source.rows.length,
    forget_marks: source.marks.length,
    digest: source.digest,
    crc32: { [PROVIDER_FILE]: crc32Hex(statistics.providers), [REGIME_FILE]: crc32Hex(statistics.regimes) },
  });
}

async function replaceIfOther(storage: Storage, name: string, bytes: Uint8Array): Promise<void> {
  const before = await storage.read(name, { maxBytes: bytes.length + 1 });
  if (before === undefined || !areEqual(before, bytes)) await storage.replace(name, bytes);
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
