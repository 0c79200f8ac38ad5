/**
 * The file of a recorded answer: a JSON object with one key a line. Its last key, `crc32`, covers all bytes before that key's
 * opening quote.
 */
import type { Answer } from "../../types.ts";
import { type CarryoverError, fail } from "../../errors.ts";
import { decodeJsonObject, isRecord, type Json } from "../../util/json.ts";
import { checkSeal, seal } from "../../storage/sealed-json.ts";
import { sha256OfText } from "../../util/sha256.ts";
import { isAction, isConfidence } from "../provider.ts";
import type { ClientAnswer } from "./client.ts";

/** A question to a provider. The key of its answer is SHA-256 of this as compact JSON, keys in this order. */
export interface Question {
  readonly provider: string;
  /** Everything that the answer depends on: the model with its parameters, or the program; and the whole prompt. */
  readonly request: Json;
  /** How often the user has had this provider's questions asked again. */
  readonly refresh: number;
}

/** A question with the key of its answer. */
export interface KeyedQuestion extends Question {
  /** 64 hexadecimal digits. */
  readonly key: string;
  /** Its request as compact JSON. */
  readonly requestJson: string;
}

/** An answer to be recorded. */
export interface ReceivedAnswer extends Omit<ClientAnswer, "failed" | "request"> {
  /** Wall-clock time, ISO 8601. */
  readonly asked_at: string;
  /** The run that asked. */
  readonly run_id: string | null;
}

/** An answer as its file has it, but for `crc32`. */
export interface RecordedAnswer extends Question, ReceivedAnswer {
  readonly format: "carryover-answer";
  readonly version: 1;
}

/** Size limit of the file. */
export const MAX_ANSWER_BYTES: number = 1 << 20;

/** Characters recorded of each text, so that any answer fits its file. */
const MAX_TEXT = 20_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Adds the key of its answer to a question. The request is turned into JSON here and nowhere else: it holds a whole prompt. */
export function withKey({ provider, request, refresh }: Question): KeyedQuestion {
  const requestJson = JSON.stringify(request);
  const json = `{"provider":${JSON.stringify(provider)},"request":${requestJson},"refresh":${refresh}}`;
  return { provider, request, refresh, key: sha256OfText(json), requestJson };
}

/**
 * Whether a model's server gave no answer, which versions before 0.3 recorded as an abstention. A program's abstention is its
 * answer.
 */
export function isSilent({ request, raw, vote }: Pick<RecordedAnswer, "request" | "raw" | "vote">): boolean {
  return raw.length === 0 && vote.error !== undefined && isRecord(request) && request["type"] === "llm";
}

/** A text as far as it is recorded. */
export function truncated(text: string): string {
  return text.slice(0, MAX_TEXT);
}

/** Without its middle: a model thinks first, and votes at the end. */
function shortened(text: string): string {
  if (text.length <= MAX_TEXT) return text;
  return text.slice(0, MAX_TEXT / 2) + text.slice(-MAX_TEXT / 2);
}

function truncatedVote(vote: Answer): Answer {
  const { reason, error } = vote;
  return {
    ...vote,
    ...(reason !== undefined && { reason: truncated(reason) }),
    ...(error !== undefined && { error: truncated(error) }),
  };
}

/** The first lines of the file of a question's answer. */
function headOf({ provider, refresh, requestJson }: KeyedQuestion): string {
  return `{
  "format": "carryover-answer",
  "version": 1,
  "provider": ${JSON.stringify(provider)},
  "refresh": ${refresh},
  "request": ${requestJson},
`;
}

/** The bytes of an answer's file, and the answer as they have it. */
export function encodeAnswer(
  question: KeyedQuestion,
  answer: ReceivedAnswer,
): { bytes: Uint8Array; recorded: RecordedAnswer } {
  const { provider, request, refresh } = question;
  const { tokens, cost_usd, asked_at, took_ms, run_id } = answer;
  // The file has its keys in this order.
  const said: ReceivedAnswer = {
    vote: truncatedVote(answer.vote),
    raw: answer.raw.map(shortened),
    tokens,
    cost_usd,
    asked_at,
    took_ms,
    run_id,
  };
  const lines = Object.entries(said).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},\n`);
  const { bytes } = seal(`${headOf(question)}${lines.join("")}  `);
  if (bytes.length > MAX_ANSWER_BYTES) {
    throw new RangeError(`Cannot record an answer: found ${bytes.length} bytes, expected at most ${MAX_ANSWER_BYTES}`);
  }
  return { bytes, recorded: { format: "carryover-answer", version: 1, provider, refresh, request, ...said } };
}

/**
 * Reads an answer's file.
 *
 * @param asked The question that is looked up, if one is.
 * @throws {CarryoverError} `CORRUPT` if it is not as it was written, or answers another question than its name says.
 */
export function decodeAnswer(bytes: Uint8Array, name: string, asked?: KeyedQuestion): RecordedAnswer {
  const damaged = (found: string, expected: string): CarryoverError =>
    fail("CORRUPT", `Cannot read "${name}"`, { found, expected });
  const asIsAsked = asked && fieldsOfAnswerTo(asked, bytes, name);
  const fields = asIsAsked ?? decodeJsonObject(bytes, name, { maxBytes: MAX_ANSWER_BYTES });
  if (checkSeal({ bytes, fields }, name) === undefined) throw damaged("no crc32", "one as the last key");
  if (fields["format"] !== "carryover-answer" || fields["version"] !== 1 || !isAnswer(fields)) {
    throw damaged("another format", "an answer of version 1");
  }
  const answer = fields as unknown as RecordedAnswer;
  if (asIsAsked !== undefined) return answer;
  // The file of another question may have been copied to this name.
  const { key } = withKey(answer);
  if (!name.startsWith(key)) throw damaged(`the answer to the question ${key}`, "that to the question of its name");
  return answer;
}

/**
 * The fields of a file that begins as the answer to a question does; `undefined` for another file. Nine tenths of it are the
 * request, which is known, so that comparing texts saves parsing and hashing it.
 */
function fieldsOfAnswerTo(
  question: KeyedQuestion,
  bytes: Uint8Array,
  name: string,
): Record<string, unknown> | undefined {
  const head = headOf(question);
  const text = decoder.decode(bytes);
  if (bytes.length > MAX_ANSWER_BYTES || !text.startsWith(head)) return undefined;
  const { provider, refresh, request } = question;
  const answer = decodeJsonObject(encoder.encode(`{${text.slice(head.length)}`), name);
  return { format: "carryover-answer", version: 1, provider, refresh, request, ...answer };
}

/** Checks every field that is used: a right checksum does not show that this library wrote the file. */
function isAnswer({ vote, raw, tokens, cost_usd: cost, run_id: runId }: Record<string, unknown>): boolean {
  const isText = (value: unknown): boolean => typeof value === "string";
  const isAmount = (value: unknown): boolean => typeof value === "number" && value >= 0 && value < Infinity;
  return (
    isRecord(vote) &&
    isAction(vote["action"]) &&
    isConfidence(vote["confidence"]) &&
    [vote["reason"], vote["error"]].every((text) => text === undefined || isText(text)) &&
    Array.isArray(raw) &&
    raw.every(isText) &&
    (tokens === null || (isRecord(tokens) && isAmount(tokens["input"]) && isAmount(tokens["output"]))) &&
    (cost === null || isAmount(cost)) &&
    (runId === null || isText(runId))
  );
}
