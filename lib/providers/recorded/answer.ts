/** What a language model is asked to answer, and how its answer is read. */
import type { Action, Answer } from "../../types.ts";
import { isRecord } from "../../util/json.ts";
import { isWholeObject, objectsIn, parseLeniently, withoutThoughts } from "./answer-text.ts";

/** A vote as a JSON schema, for servers. */
export const VOTE_JSON_SCHEMA: Readonly<Record<string, unknown>> = {
  type: "object",
  properties: {
    asset: { type: "string" },
    action: { type: "string", enum: ["BUY", "SELL", "HOLD"] },
    confidence: { type: "integer", minimum: 0, maximum: 100 },
    reason: { type: "string" },
  },
  required: ["asset", "action", "confidence", "reason"],
  additionalProperties: false,
};

const EXAMPLE_REASON = "one short sentence";

/** The same in words, for the prompt. Small models copy the example, so it must be valid JSON and must not be a trade. */
export function answerForm(asset: string): string {
  return (
    `The action is "BUY", "SELL" or "HOLD"; the confidence is a whole number from 0 to 100. For example:\n` +
    `{"asset": ${JSON.stringify(asset)}, "action": "HOLD", "confidence": 50, "reason": "${EXAMPLE_REASON}"}`
  );
}

/** What a model said, as its server delivered it. */
export interface Said {
  readonly text: string;
  /** Thoughts that were kept apart from the text. */
  readonly thoughts?: string;
  /** Arguments of the tools that it called, as JSON. */
  readonly toolInputs?: readonly string[];
  /** Why there may be less than the model would say: the limit of tokens, or a refusal by the model or its server. */
  readonly ended?: "cut" | "refused" | undefined;
}

/** A vote, or what is wrong with an answer. */
export type VoteReading = { readonly vote: Answer } | { readonly problem: string };

/** Characters of an answer that a message quotes. */
const MAX_QUOTED = 200;

/**
 * Reads a model's answer. One clear vote is taken, in whatever it is wrapped (docs/PROVIDERS.md, "How an answer is read").
 *
 * @param asset The asset that the answer must be about.
 * @returns The vote, or what is wrong. The model reads that too, before it answers again.
 */
export function readVote(said: Said, asset: string): VoteReading {
  const { text, thoughts = "", toolInputs = [], ended } = said;
  const isCut = ended === "cut";
  if (ended === "refused") return { problem: `found a refusal (${quoted(text.trim())}), expected a vote` };
  // A tag in the text of an object ends no thoughts.
  const answer = isWholeObject(text) ? text : withoutThoughts(text);
  if (answer === undefined)
    return { problem: `found thoughts without an end${endOf(text)}, expected a vote after them` };
  const spoken = [answer, ...toolInputs].filter((each) => each.trim() !== "");
  if (spoken.length === 0) {
    if (thoughts.trim() === "") return { problem: "found an empty answer, expected a JSON object" };
    // Some servers deliver the answer as thoughts. Other votes in thoughts are drafts.
    const [last] = isCut ? [] : objectsIn(thoughts, { isCut }).filter(({ isLast }) => isLast);
    if (last === undefined)
      return { problem: `found thoughts and no answer${endOf(thoughts)}, expected a vote after them` };
    return chosen(readingsOf(last.value, asset), { asset, isCut, shown: thoughts });
  }
  const read = (texts: readonly string[]): readonly VoteReading[] => {
    const values = texts.flatMap((each) => [whole(each), ...objectsIn(each, { isCut }).map(({ value }) => value)]);
    return values.flatMap((value) => readingsOf(value, asset));
  };
  const readings = read(spoken);
  // Only here: the same characters may stand in the reason of a vote that is JSON.
  const isWide = !readings.some((reading) => "vote" in reading) && FULL_WIDTH.test(spoken.join(""));
  return chosen(isWide ? read(spoken.map((each) => each.normalize("NFKC"))) : readings, {
    asset,
    isCut,
    shown: spoken.join("\n"),
  });
}

/** Punctuation, digits and letters as Chinese and Japanese texts have them. Unicode's form NFKC has the usual ones in their place. */
const FULL_WIDTH = /[\uFF01-\uFF5E]/;

/** A text that is JSON as a whole but no object: one that was encoded twice. */
function whole(text: string): unknown {
  return text.trimStart().startsWith('"') ? parseLeniently(text) : undefined;
}

/** The vote on which all readings agree. */
function chosen(readings: readonly VoteReading[], from: { asset: string; isCut: boolean; shown: string }): VoteReading {
  const votes = readings.flatMap((reading) => ("vote" in reading ? [reading.vote] : []));
  // A model may repeat the example before it answers.
  const own = votes.filter(({ reason }) => reason !== EXAMPLE_REASON);
  const [vote, ...others] = own.length > 0 ? own : votes;
  if (vote !== undefined) {
    const other = others.find(({ action, confidence }) => action !== vote.action || confidence !== vote.confidence);
    if (other === undefined) return { vote };
    const shown = [vote, other].map(({ action, confidence }) => `${action} ${confidence}`).join(" and ");
    return { problem: `found two different votes, ${shown}, expected one` };
  }
  if (from.isCut)
    return { problem: `found an answer that was cut off (${quoted(from.shown.trim())}), expected all of it` };
  const [failed] = readings;
  if (failed !== undefined) return failed;
  return { problem: `found ${quoted(from.shown.trim())}, expected one JSON object and nothing around it` };
}

/** How deep a vote may be wrapped in other objects, lists and texts. */
const MAX_DEPTH = 5;

/** What a value is as a vote, or what the values in it are. Nothing for a value without a vote. */
function readingsOf(value: unknown, asset: string, depth = 0): readonly VoteReading[] {
  if (depth > MAX_DEPTH) return [];
  const inside = (values: readonly unknown[]): readonly VoteReading[] =>
    values.flatMap((each) => readingsOf(each, asset, depth + 1));
  if (typeof value === "string") return /^\s*["[{]/.test(value) ? inside([parseLeniently(value)]) : [];
  if (Array.isArray(value)) return inside(value);
  if (!isRecord(value)) return [];
  const fields = new Map(Object.entries(value).map(([key, field]) => [key.trim().toLowerCase(), field]));
  const reading = readFields(fields, asset);
  if (reading !== undefined && "vote" in reading) return [reading];
  const { ["__proto__"]: _hostile, ...rest } = value;
  const nested = inside(Object.values(rest));
  return nested.length > 0 || reading === undefined ? nested : [reading];
}

/** Where the action may stand. The first that is there counts. */
const ACTION_KEYS = ["action", "decision", "signal", "recommendation", "vote", "side"];

/** Likewise the confidence. */
const CONFIDENCE_KEYS = ["confidence", "confidence_score", "confidencescore"];

/** `undefined` for fields that are none of a vote. */
function readFields(fields: ReadonlyMap<string, unknown>, asset: string): VoteReading | undefined {
  const word = ACTION_KEYS.map((key) => fields.get(key)).find((value) => typeof value === "string");
  const given = CONFIDENCE_KEYS.find((key) => fields.has(key));
  if (word === undefined && given === undefined) return undefined;
  const action = actionOf(word);
  if (action === undefined) return { problem: `found the action ${quoted(word)}, expected "BUY", "SELL" or "HOLD"` };
  const confidence = confidenceOf(given === undefined ? undefined : fields.get(given));
  if (typeof confidence === "string") {
    return { problem: `found the confidence ${confidence}, expected a whole number from 0 to 100` };
  }
  const about = fields.get("asset") ?? asset;
  if (plainName(about) !== plainName(asset)) {
    return { problem: `found a vote on the asset ${quoted(about)}, expected ${JSON.stringify(asset)}` };
  }
  const reason = fields.get("reason");
  return { vote: { action, confidence, ...(typeof reason === "string" ? { reason } : {}) } };
}

/** Without case and separators: BTC/USD and btc-usd are BTCUSD. */
function plainName(asset: unknown): string {
  return String(asset)
    .toUpperCase()
    .replaceAll(/[\s/_-]/g, "");
}

/** Other words for the actions. What could mean several, such as "close" or "accumulate", is none of them. */
const ACTION_WORDS: Readonly<Record<Action, readonly string[]>> = {
  BUY: [
    "BUY",
    "LONG",
    "STRONG BUY",
    "WEAK BUY",
    "BUY LONG",
    "GO LONG",
    "BE LONG",
    "BUY BE LONG",
    "OPEN LONG",
    "ENTER LONG",
    "BULLISH",
  ],
  SELL: [
    "SELL",
    "SHORT",
    "STRONG SELL",
    "WEAK SELL",
    "SELL SHORT",
    "GO SHORT",
    "BE SHORT",
    "SELL BE SHORT",
    "OPEN SHORT",
    "ENTER SHORT",
    "BEARISH",
  ],
  HOLD: [
    "HOLD",
    "WAIT",
    "NEUTRAL",
    "FLAT",
    "NEITHER",
    "HOLD NEITHER",
    "NONE",
    "NO TRADE",
    "NO ACTION",
    "DO NOTHING",
    "STAY OUT",
    "STAND ASIDE",
  ],
};

const ACTIONS_BY_WORD: ReadonlyMap<string, Action> = new Map(
  Object.entries(ACTION_WORDS).flatMap(([action, words]) => words.map((word) => [word, action as Action])),
);

function actionOf(value: unknown): Action | undefined {
  if (typeof value !== "string") return undefined;
  return ACTIONS_BY_WORD.get(
    value
      .toUpperCase()
      .replaceAll(/[^A-Z]+/g, " ")
      .trim(),
  );
}

const CONFIDENCE = /^\s*(\d+(?:\.\d*)?|\.\d+)\s*(%|\/\s*100|out of 100)?\s*$/i;

/** A confidence from 0 to 100, or what was found in its place. */
function confidenceOf(value: unknown): number | string {
  const found = typeof value === "number" ? String(value) : quoted(value);
  const match = typeof value === "number" || typeof value === "string" ? CONFIDENCE.exec(String(value)) : null;
  const number = Number(match?.[1]);
  if (match === null || number > 100) return found;
  if (match[2] !== undefined || number === 0 || number > 1) return number;
  if (number === 1) return `${found}, which may mean 1 % or 100 %`;
  // A fraction is a share: nobody means 0.7 %. Rounded, since 100 * 0.57 is 56.99999999999999.
  return Number((100 * number).toPrecision(12));
}

function quoted(value: unknown): string {
  const shown = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  if (shown === "") return "nothing";
  return JSON.stringify(shown.length > MAX_QUOTED ? `${shown.slice(0, MAX_QUOTED)}...` : shown);
}

/** The end of a long text. */
function endOf(text: string): string {
  const trimmed = text.trim();
  return trimmed.length > MAX_QUOTED
    ? `, ending with ${JSON.stringify(`...${trimmed.slice(-MAX_QUOTED)}`)}`
    : ` (${quoted(trimmed)})`;
}
