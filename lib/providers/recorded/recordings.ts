/**
 * Recorded answers: `<key>.json` in the folder of answers holds one question and what came of it. It is created once and never
 * changed. If two runs ask the same question at a time, both use the answer that was recorded first.
 *
 * The file is a JSON object with one key a line. Its last key, `crc32`, covers all bytes before that key's opening quote. A
 * damaged file stays where it is; its question is asked again and recorded as `<key>-2.json`, and so on.
 */
import type { Answer } from "../../types.ts";
import { type CarryoverError, fail, isCorrupt } from "../../errors.ts";
import { decodeJsonObject, isRecord, type Json } from "../../util/json.ts";
import { checkSeal, seal } from "../../storage/sealed-json.ts";
import { sha256OfBytes, sha256OfText } from "../../util/sha256.ts";
import type { Storage } from "../../storage/storage.ts";
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

/** An answer to be recorded. */
export interface ReceivedAnswer extends Omit<ClientAnswer, "failed"> {
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

const MAX_ANSWER_BYTES = 1 << 20;

/** Characters recorded of each text, so that any answer fits its file. */
const MAX_TEXT = 20_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The key of a question's answer: 64 hexadecimal digits. */
export function answerKey({ provider, request, refresh }: Question): Promise<string> {
  return sha256OfBytes(encoder.encode(JSON.stringify({ provider, request, refresh })));
}

/** The answers that are recorded in a folder. */
export class AnswerStore {
  readonly #storage: Storage;
  readonly #onNote: (note: string) => void;
  /** Names of damaged files that were reported. */
  readonly #reported = new Set<string>();
  /** Refresh marks made by this store, by name. */
  readonly #marks = new Map<string, Promise<unknown>>();

  /** @param options `onNote` gets one note for each damaged file. */
  constructor(storage: Storage, options: { onNote: (note: string) => void }) {
    this.#storage = storage;
    this.#onNote = options.onNote;
  }

  /** The answer under a key (see `answerKey`); `undefined` if there is none, or none that can be read. */
  async find(key: string): Promise<RecordedAnswer | undefined> {
    const found = await this.#answerOrFreeName(key);
    return typeof found === "string" ? undefined : found;
  }

  /**
   * Records an answer durably.
   *
   * @returns The answer to use: the one that another run recorded first, if there is one.
   */
  async keep(question: Question, answer: ReceivedAnswer): Promise<RecordedAnswer> {
    const { provider, request, refresh } = question;
    const { tokens, cost_usd, asked_at, took_ms, run_id } = answer;
    // The file has its keys in this order.
    const recorded: RecordedAnswer = {
      format: "carryover-answer",
      version: 1,
      provider,
      refresh,
      request,
      vote: truncatedVote(answer.vote),
      raw: answer.raw.map(shortened),
      tokens,
      cost_usd,
      asked_at,
      took_ms,
      run_id,
    };
    const bytes = encodeAnswer(recorded);
    const key = await answerKey(question);
    // Before the answer: without its mark, the answer would be asked for again. A mark alone only asks for answers.
    await this.#markRefresh(question);
    for (;;) {
      const found = await this.#answerOrFreeName(key);
      if (typeof found !== "string") return found;
      if (await this.#storage.createOnce(found, bytes)) return recorded;
    }
  }

  /** Dollars that the recorded answers of a run cost. Reads every file. */
  async costOfRun(runId: string): Promise<number> {
    let sum = 0;
    for (const { name } of (await this.#storage.list()).files) {
      if (!/^[0-9a-f]{64}/.test(name)) continue;
      const bytes = await this.#read(name);
      if (bytes === undefined || !decoder.decode(bytes).includes(`"run_id": "${runId}"`)) continue;
      try {
        sum += (await decodeAnswer(bytes, name)).cost_usd ?? 0;
      } catch {
        // Reported when its question is asked.
      }
    }
    return sum;
  }

  /** How often the user has had this provider's questions asked again, and an answer was recorded. */
  async refreshOf(provider: string): Promise<number> {
    let n = 0;
    while ((await this.#storage.read(refreshName(provider, n + 1), { maxBytes: 1 })) !== undefined) n += 1;
    return n;
  }

  #read(name: string): Promise<Uint8Array | undefined> {
    return this.#storage.read(name, { maxBytes: MAX_ANSWER_BYTES + 1 });
  }

  /** The first readable answer under a key, or the first free name. */
  async #answerOrFreeName(key: string): Promise<RecordedAnswer | string> {
    for (let n = 1; ; n++) {
      const name = n === 1 ? `${key}.json` : `${key}-${n}.json`;
      const bytes = await this.#read(name);
      if (bytes === undefined) return name;
      try {
        return await decodeAnswer(bytes, name);
      } catch (error) {
        if (!isCorrupt(error)) throw error;
        if (!this.#reported.has(name)) this.#onNote(`Ignored a recorded answer: ${error.message}`);
        this.#reported.add(name);
      }
    }
  }

  async #markRefresh({ provider, refresh }: Question): Promise<void> {
    if (refresh === 0) return;
    const name = refreshName(provider, refresh);
    const bytes = encoder.encode(`${JSON.stringify({ provider, refresh })}\n`);
    const marked = this.#marks.get(name) ?? this.#storage.createOnce(name, bytes);
    this.#marks.set(name, marked);
    await marked;
  }
}

function refreshName(provider: string, n: number): string {
  return `refresh_${sha256OfText(provider).slice(0, 16)}_${n}.json`;
}

function truncated(text: string): string {
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

function encodeAnswer(answer: RecordedAnswer): Uint8Array {
  const lines = Object.entries(answer).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},\n`);
  const { bytes } = seal(`{\n${lines.join("")}  `);
  if (bytes.length <= MAX_ANSWER_BYTES) return bytes;
  throw new RangeError(`Cannot record an answer: found ${bytes.length} bytes, expected at most ${MAX_ANSWER_BYTES}`);
}

async function decodeAnswer(bytes: Uint8Array, name: string): Promise<RecordedAnswer> {
  const damaged = (found: string, expected: string): CarryoverError =>
    fail("CORRUPT", `Cannot read "${name}"`, { found, expected });
  const fields = decodeJsonObject(bytes, name, { maxBytes: MAX_ANSWER_BYTES });
  if (checkSeal({ bytes, fields }, name) === undefined) throw damaged("no crc32", "one as the last key");
  if (fields["format"] !== "carryover-answer" || fields["version"] !== 1 || !isAnswer(fields)) {
    throw damaged("another format", "an answer of version 1");
  }
  const answer = fields as unknown as RecordedAnswer;
  // The file of another question may have been copied to this name.
  const key = await answerKey(answer);
  if (!name.startsWith(key)) throw damaged(`the answer to the question ${key}`, "that to the question of its name");
  return answer;
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
