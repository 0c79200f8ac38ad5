import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Outcome, Situation } from "../../lib/types.ts";
import type { Embedder } from "../../lib/embed/embedder.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { DAY_MS } from "../../lib/util/time.ts";
import { describeSituation } from "../../lib/memory/description.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { encodeOutcome, outcomeFileName } from "../../lib/memory/outcome.ts";
import { makeOutcomes, makeVote } from "../../test/memory/outcome-samples.ts";

/** Situation number `i`; all of them have different sentences. */
export function situationAt(i: number, timestamp: number): Situation {
  const wave = (period: number, low: number, high: number): number =>
    low + ((high - low) * ((i * 7919) % period)) / period;
  const close = wave(997, 20_000, 60_000);
  return {
    asset: ["BTCUSD", "ETHUSD", "EURUSD"][i % 3] ?? "",
    timestamp,
    regime: (["TRENDING", "RANGING", "VOLATILE"] as const)[Math.floor(i / 2) % 3] ?? "RANGING",
    close,
    atr: close * wave(83, 0.005, 0.03),
    volatility_pct: wave(83, 0.5, 3),
    volatility_rank: wave(61, 0, 1),
    rsi: wave(53, 15, 85),
    adx: wave(47, 8, 55),
    ema_fast: close * wave(43, 0.97, 1.03),
    ema_slow: close * wave(41, 0.95, 1.05),
    zscore: wave(37, -2.5, 2.5),
    channel_high: close * wave(31, 0.99, 1.06),
    channel_low: close * wave(29, 0.94, 1),
    return_pct: wave(101, -8, 8),
  };
}

/**
 * Outcomes of the size of real ones (2.4 kB), one every eight hours.
 *
 * @param options `from`: number of the first one; `firstMs`: time of decision number 0.
 */
export function outcomesLikeReal(count: number, options: { from?: number; firstMs?: number } = {}): Outcome[] {
  const { from = 0, firstMs = Date.UTC(2021, 0, 1) } = options;
  const shift = firstMs - Date.UTC(2021, 0, 1);
  const moved = (time: string): string => new Date(Date.parse(time) + shift).toISOString();
  return makeOutcomes(from + count)
    .slice(from)
    .map((outcome, n) => {
      const { asset: _asset, timestamp: _time, ...situation } = situationAt(from + n, 0);
      const sentence = describeSituation({ ...situation, asset: outcome.asset_pair, timestamp: 0 });
      const reasons = ["uptrend with strength", "stretched above its mean", "inside its range"];
      const decided = moved(outcome.decision_timestamp);
      return {
        ...outcome,
        decision_id: `${decided.replace(/[-:]/g, "").slice(0, 13)}${outcome.decision_id.slice(13)}`,
        decision_timestamp: decided,
        entry_timestamp: moved(outcome.entry_timestamp),
        exit_timestamp: moved(outcome.exit_timestamp),
        situation,
        votes: [
          ...outcome.votes.map((vote, i) => ({ ...vote, reason: reasons[i] ?? "" })),
          makeVote("memory", "HOLD", { confidence: 0, error: "only 0 trades remembered" }),
        ],
        description: `${sentence} Decided BUY at confidence 64, for it reversion 67, over SELL from trend 62.`,
      };
    });
}

/** Writes outcome files without syncing them. */
export function writeOutcomes(dir: string, outcomes: readonly Outcome[]): void {
  mkdirSync(dir, { recursive: true });
  for (const outcome of outcomes) {
    writeFileSync(join(dir, outcomeFileName(outcome.decision_id)), encodeOutcome(outcome).bytes);
  }
}

/** The fastest way to write a durable file. The next writer removes temporary files that are left behind. */
export function writeDurably(dir: string, name: string, bytes: Uint8Array): void {
  const temp = join(dir, `.tmp-new-${name}`);
  const fd = openSync(temp, "wx", 0o600);
  writeSync(fd, bytes);
  fsyncSync(fd);
  closeSync(fd);
  renameSync(temp, join(dir, name));
  const folder = openSync(dir, "r");
  fsyncSync(folder);
  closeSync(folder);
}

/** Makes a memory folder with up-to-date caches, and with snapshots of the size of the baseline's. */
export async function makeMemory(
  dir: string,
  options: { outcomes: number; snapshots?: number; embedder: Embedder },
): Promise<void> {
  writeOutcomes(dir, outcomesLikeReal(options.outcomes));
  const notes = Object.fromEntries(["trend", "reversion", "breakout"].map((name) => [name, "x".repeat(1500)]));
  for (let i = 0; i < (options.snapshots ?? 0); i++) {
    const at = new Date(Date.UTC(2021, 0, 1) + 90 * DAY_MS * i).toISOString();
    const stamp = at.replace(/[-:]/g, "").replace("T", "_").slice(0, 15);
    writeFileSync(join(dir, `snapshot_${stamp}.json`), JSON.stringify({ run_id: "a".repeat(64), at, notes }, null, 2));
  }
  await openMemory(diskStorage(dir), { embedder: options.embedder });
}
