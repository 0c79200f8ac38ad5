/** Situations that a program sends: values by name. What learning knows keeps its meaning, all else is a feature. */
import { RANK_ROWS } from "../market/features.ts";
import { describeKnown, describeSituation } from "../memory/description.ts";
import type { SessionSituation } from "../memory/session-outcome.ts";
import type { Situation } from "../types.ts";
import type { SituationParam } from "./params.ts";
import { refuseParam } from "./param-error.ts";

/** The numbers of a built-in situation. */
const NUMBERS: ReadonlySet<string> = new Set([
  "close",
  "atr",
  "volatility_pct",
  "volatility_rank",
  "rsi",
  "adx",
  "ema_fast",
  "ema_slow",
  "zscore",
  "channel_high",
  "channel_low",
  "return_pct",
]);

const REGIMES = ["TRENDING", "RANGING", "VOLATILE"];

/** The regime of a situation that names none, as of an imported outcome without one. */
const UNKNOWN_REGIME = "UNKNOWN";

/** With fewer values of a name before, a rank among them says nothing. */
const MIN_RANKED = 20;

/** Whether a value is a number that the built-in situation does not have, so that it is compared by its rank. */
export function isOwnNumber(name: string, value: unknown): boolean {
  return typeof value === "number" && !NUMBERS.has(name);
}

/** A situation as memory takes it. */
export interface KnownSituation {
  readonly situation: SessionSituation;
  /** What recall compares. */
  readonly sentence: string;
  /** The same with everything that the built-in one has, and nothing else. */
  readonly builtIn: Situation | undefined;
}

/** Makes situations of what a program sends about an asset, and ranks its own values among those that it sent before. */
export class SituationReader {
  /** The last values by asset and name. */
  readonly #past = new Map<string, Map<string, number[]>>();
  readonly #wanted: readonly string[] | undefined;

  /** @param options `features`: names that recall compares. @default all */
  constructor(options: { features?: readonly string[] | undefined } = {}) {
    this.#wanted = options.features;
  }

  /**
   * @param sent `values` as they were checked; `description` in place of the sentence.
   * @throws {ParamError} For a built-in name with a value of another kind.
   */
  read(
    method: string,
    sent: { asset: string; asOf: number; values: SituationParam; description?: string | undefined },
  ): KnownSituation {
    const { asset, asOf, values, description } = sent;
    const numbers: Record<string, number> = {};
    const features: Record<string, number | string> = {};
    for (const [name, value] of Object.entries(values)) {
      if (name === "regime") continue;
      if (!NUMBERS.has(name)) features[name] = value;
      else if (typeof value === "number") numbers[name] = value;
      else throw refuseParam(method, `situation.${name}`, { found: JSON.stringify(value), expected: "a number" });
    }
    const names = Object.keys(features).toSorted();
    const ranked = names.length === 0 ? {} : { features, feature_ranks: this.#ranks(asset, features) };
    const situation: SessionSituation = { regime: regimeOf(method, values["regime"]), ...numbers, ...ranked };
    const told = names.filter((name) => this.#wanted?.includes(name) ?? true);
    const isWhole = REGIMES.includes(situation.regime) && Object.keys(numbers).length === NUMBERS.size;
    const whole = isWhole ? ({ asset, timestamp: asOf, ...situation } as Situation) : undefined;
    const sentence =
      description === undefined
        ? whole === undefined
          ? describeKnown({ asset, ...situation }, told)
          : describeSituation(whole, told)
        : oneSentence(asset, description);
    return { situation, sentence, builtIn: told.length === 0 && description === undefined ? whole : undefined };
  }

  /** Counts the values of a situation among those that later ones are ranked by. */
  remember(asset: string, { features = {} }: SessionSituation): void {
    let ofAsset = this.#past.get(asset);
    if (ofAsset === undefined) this.#past.set(asset, (ofAsset = new Map()));
    for (const [name, value] of Object.entries(features)) {
      if (typeof value !== "number") continue;
      const past = ofAsset.get(name) ?? [];
      if (past.length === RANK_ROWS - 1) past.shift();
      past.push(value);
      ofAsset.set(name, past);
    }
  }

  /** As `featuresAt()` ranks: the share of the last 500 values, this one included, that are below it. */
  #ranks(asset: string, features: Readonly<Record<string, number | string>>): Record<string, number> {
    const ranks = Object.entries(features).flatMap(([name, value]) => {
      const past = this.#past.get(asset)?.get(name) ?? [];
      if (typeof value !== "number" || past.length < MIN_RANKED) return [];
      return [[name, past.filter((each) => each < value).length / (past.length + 1)] as const];
    });
    return Object.fromEntries(ranks);
  }
}

function regimeOf(method: string, value: SituationParam[string] | undefined): string {
  if (value === undefined) return UNKNOWN_REGIME;
  if (typeof value === "number")
    throw refuseParam(method, "situation.regime", { found: String(value), expected: "a word" });
  return REGIMES.includes(value.toUpperCase()) ? value.toUpperCase() : value;
}

/** Recall compares the first sentence of a description. */
function oneSentence(asset: string, description: string): string {
  const text = description
    .trim()
    .replaceAll(/\s+/g, " ")
    .replace(/[.\s]+$/, "")
    .replaceAll(/\. /g, "; ");
  const named = text.toLowerCase().startsWith(asset.toLowerCase()) ? text : `${asset}: ${text}`;
  return `${named}.`;
}
