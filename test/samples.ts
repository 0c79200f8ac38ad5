import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

/** The project's own folder. */
export const PROJECT_DIR: string = join(import.meta.dir, "..");

/** Real hourly bars of 2021 and 2022, where a test machine has them. */
export const REAL_BARS_DIR: string =
  process.env["CARRYOVER_REAL_BARS"] ?? join(PROJECT_DIR, "..", "shared", "data", "market");

/** Whether tests on real bars can run; they skip by name where not. */
export const HAS_REAL_BARS: boolean = existsSync(join(REAL_BARS_DIR, "BTCUSD_1h.csv"));

/** The sentence model all-MiniLM-L6-v2 and what another runtime made of some sentences, where a test machine has them. */
export const MODEL_DIR: string =
  process.env["CARRYOVER_MODEL_DIR"] ?? join(PROJECT_DIR, "..", "shared", "models", "all-MiniLM-L6-v2");

/** Whether tests with the sentence model can run; they skip by name where not. */
export const HAS_MODEL: boolean = existsSync(join(MODEL_DIR, "model_quantized.onnx"));

/** Files that other systems wrote, where a test machine has them. */
export const FOREIGN_FILES_DIR: string =
  process.env["CARRYOVER_FOREIGN_FILES"] ?? join(PROJECT_DIR, "..", "shared", "fixtures");

/** Rows of a sample of real hourly bars, as CSV, whose timestamps are in the period. */
export function sampleCsv(asset: string, { start, end }: Record<"start" | "end", string>): string {
  const text = gunzipSync(readFileSync(join(PROJECT_DIR, "data", "sample", `${asset}_1h.csv.gz`))).toString();
  const [header, ...rows] = text.trim().split("\n");
  return [header, ...rows.filter((row) => row >= start && row < end)].join("\n");
}

/** Pseudo-random numbers in [0, 1) that are the same on every run (mulberry32 by Tommy Ettinger). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
