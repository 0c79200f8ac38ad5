/** Finds the JSON objects in what a language model wrote. */
import { jsonrepair } from "jsonrepair";
import { isRecord } from "../../util/json.ts";

/** What encloses a model's thoughts, by family: DeepSeek and Qwen, Magistral, Gemma, Cohere, Seed, Kimi and others. */
export const THOUGHT_TAGS: readonly { readonly opening: string; readonly closing: string }[] = [
  { opening: "<think>", closing: "</think>" },
  { opening: "<thinking>", closing: "</thinking>" },
  { opening: "<thought>", closing: "</thought>" },
  { opening: "<reasoning>", closing: "</reasoning>" },
  { opening: "[THINK]", closing: "[/THINK]" },
  { opening: "<|channel>", closing: "<channel|>" },
  { opening: "<|START_THINKING|>", closing: "<|END_THINKING|>" },
  { opening: "<seed:think>", closing: "</seed:think>" },
  { opening: "◁think▷", closing: "◁/think▷" },
  { opening: "<|begin_of_thought|>", closing: "<|end_of_thought|>" },
];

/** Where gpt-oss begins its answer, in its harmony format, also without the special tokens that some servers drop. */
const HARMONY_ANSWER =
  /<\|channel\|>\s*(?:final|commentary)[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>|assistantfinal/g;
const HARMONY_THOUGHTS = "<|channel|>analysis";

/** What ends a model's turn. After it, some models go on with a turn of the user. */
const END_OF_TURN =
  /<\|(?:im_end|im_start|endoftext|eot_id|eom_id|end|start|return|call|end_of_text|END_RESPONSE|END_OF_TURN_TOKEN)\|>|<\/s>|<end_of_turn>|<turn\|>|<eos>|<｜end▁of▁sentence｜>/;

/** Whether a text is one JSON object and nothing else, but for a code fence around it. */
export function isWholeObject(text: string): boolean {
  const json = text.trim().replace(/^```(?:json)?([^]*)```$/, "$1");
  return isRecord(parse(json.trim()));
}

/** What a model says after its thoughts, in its first turn; `undefined` if its thoughts have no end. */
export function withoutThoughts(text: string): string | undefined {
  let rest = text;
  for (const { closing } of THOUGHT_TAGS) rest = afterLast(rest, closing);
  const answers = [...rest.matchAll(HARMONY_ANSWER)];
  rest = rest.slice(answers.reduce((_, match) => match.index + match[0].length, 0));
  if (rest.includes(HARMONY_THOUGHTS) || THOUGHT_TAGS.some(({ opening }) => rest.includes(opening))) return undefined;
  return rest.split(END_OF_TURN).find((turn) => turn.includes("{")) ?? rest;
}

function afterLast(text: string, closing: string): string {
  const at = text.lastIndexOf(closing);
  return at === -1 ? text : text.slice(at + closing.length);
}

/** An object in a text. */
interface FoundObject {
  readonly value: unknown;
  /** Whether nothing but space and a code fence comes after it. */
  readonly isLast: boolean;
}

/** Characters of an answer that are searched, at its end. More would be no vote. */
const MAX_SEARCHED = 200_000;

/** Braces around an object that are no object: those of \boxed{}, and doubled ones, as templates escape them. */
const DOUBLE_BRACE = /^\{\s*\{/;

/** Objects without an end or in double braces that are tried, and nearly JSON that is repaired, which takes time by the square of its length. */
const MAX_UNENDED = 10;
const MAX_REPAIRS = 20;
const MAX_REPAIRED = 8000;

/**
 * Finds the JSON objects in a text, whatever stands around them. What is nearly JSON is repaired if it has a confidence.
 *
 * An object without an end counts if only its closing brackets are missing. A value that was cut off might have been another.
 *
 * @param options `isCut`: whether the text is known to have been cut off.
 */
export function objectsIn(said: string, options: { isCut: boolean }): readonly FoundObject[] {
  const text = said.slice(-MAX_SEARCHED);
  const found: FoundObject[] = [];
  let unended = 0;
  let repairs = 0;
  let at = text.indexOf("{");
  while (at !== -1 && unended < MAX_UNENDED) {
    const { end, isInString } = endOfObject(text, at);
    const source = end === undefined ? completed(text.slice(at), { ...options, isInString }) : text.slice(at, end);
    let value = source === undefined ? undefined : parse(source);
    if (source !== undefined && value === undefined && /confidence/i.test(source) && repairs++ < MAX_REPAIRS) {
      value = parseLeniently(source);
    }
    const isWrapper = value === undefined && DOUBLE_BRACE.test(text.slice(at, at + 100));
    if (end === undefined || isWrapper) unended += 1;
    const isSkipped = value !== undefined || (end !== undefined && !isWrapper);
    const after = at + (isSkipped ? (source?.length ?? 1) : 1);
    if (value !== undefined) found.push({ value, isLast: /^[\s`]*$/.test(text.slice(after)) });
    at = text.indexOf("{", after);
  }
  return found;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The value of JSON, or of what is nearly JSON; `undefined` if it is not even that. */
export function parseLeniently(text: string): unknown {
  const value = parse(text);
  if (value !== undefined || text.length > MAX_REPAIRED) return value;
  try {
    return JSON.parse(jsonrepair(text));
  } catch {
    return undefined;
  }
}

/** The end of the object that begins at `start`, and where there is none, whether the text ends within a string. */
function endOfObject(text: string, start: number): { end: number | undefined; isInString: boolean } {
  let depth = 0;
  let quote = "";
  for (let at = start; at < text.length; at++) {
    const character = text[at]!;
    if (character === "\\") at += 1;
    else if (quote !== "") quote = character === quote ? "" : quote;
    else if (character === '"' || (character === "'" && /[{[,:]\s*$/.test(text.slice(Math.max(start, at - 8), at))))
      quote = character;
    else if (character === "{") depth += 1;
    else if (character === "}" && --depth === 0) return { end: at + 1, isInString: false };
  }
  return { end: undefined, isInString: quote !== "" };
}

/** A member of an object as its last one, with its whole value. A number is whole if something comes after it. */
const LAST_MEMBER = /(?::\s*(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|-?[\d.]+(?=\s))|[}\]])\s*$/;

/** An object without an end, as far as it can be completed; `undefined` if a part of it is missing. */
function completed(text: string, { isCut, isInString }: { isCut: boolean; isInString: boolean }): string | undefined {
  if (!isInString) return LAST_MEMBER.test(text.slice(-MAX_REPAIRED)) ? text : undefined;
  // A quote within a string that should have been escaped hides the end.
  const end = isCut ? 0 : text.lastIndexOf("}") + 1;
  return end === 0 ? undefined : text.slice(0, end);
}
