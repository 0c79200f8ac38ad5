import type { BarSeries } from "../types.ts";
import { type BarFolder, loadBars } from "./load.node.ts";
import { syntheticBars, type SyntheticBarsOptions } from "./synthetic.ts";

/** Series that are kept: a sweep may go through many seeds. */
const MAX_SERIES = 32;

/** Reads each asset's bars once for several jobs of a process, which must not change them. */
export class BarCache {
  /** The one that was used last is the last. */
  readonly #series = new Map<string, BarSeries>();

  /** As `loadBars()`. */
  async load(folder: BarFolder): Promise<readonly BarSeries[]> {
    const { assets, dataDir, timeframe } = folder;
    const keyOf = (asset: string): string => JSON.stringify([dataDir, timeframe, asset]);
    const missing = assets.filter((asset) => !this.#series.has(keyOf(asset)));
    // An error says which of all the assets have bars.
    const loaded =
      missing.length === 0 ? [] : await loadBars({ ...folder, assets: missing }).catch(() => loadBars(folder));
    const found = new Map(loaded.map((series) => [series.asset, series]));
    return assets.map((asset) => this.#keep(keyOf(asset), found.get(asset)));
  }

  /** As `syntheticBars()`. */
  synthetic(options: SyntheticBarsOptions): BarSeries {
    const key = JSON.stringify(options);
    return this.#keep(key, this.#series.has(key) ? undefined : syntheticBars(options));
  }

  #keep(key: string, made: BarSeries | undefined): BarSeries {
    const series = made ?? this.#series.get(key)!;
    this.#series.delete(key);
    this.#series.set(key, series);
    const [oldest] = this.#series.keys();
    if (this.#series.size > MAX_SERIES) this.#series.delete(oldest!);
    return series;
  }
}
