/**
 * Recorded answers: `<key>.json` in the folder of answers holds one question and what came of it. It is created once and never
 * changed. If two runs ask the same question at a time, both use the answer that was recorded first.
 *
 * The file is a JSON object with one key a line. Its last key, `crc32`, covers all bytes before that key's opening quote. A
 * damaged file stays where it is; its question is asked again and recorded as `<key>-2.json`, and so on.
 */
import type { Answer } from "../../types.ts";
import { type CarryoverError, fail, isCorrupt, undefinedIfCorrupt } from "../../errors.ts";
import { decodeJsonObject, isRecord, type Json } from "../../util/json.ts";
import { checkSeal, seal } from "../../storage/sealed-json.ts";
import { sha256OfText } from "../../util/sha256.ts";
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

const MAX_ANSWER_BYTES = 1 << 20;

/** Characters recorded of each text, so that any answer fits its file. */
const MAX_TEXT = 20_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The key of a question's answer: 64 hexadecimal digits. */
export function answerKey({ provider, request, refresh }: Question): string {
  return sha256OfText(JSON.stringify({ provider, request, refresh }));
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

  /**
   * The answer under a key (see `answerKey`); `undefined` if there is none, or none that can be read. Of a question that an earlier
   * version recorded without an answer and that was asked again, the later answer.
   */
  async find(key: string): Promise<RecordedAnswer | undefined> {
    const { answer, silent } = await this.#lookUp(key);
    return answer ?? silent;
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
    const key = answerKey(question);
    // Before the answer: without its mark, the answer would be asked for again. A mark alone only asks for answers.
    await this.#markRefresh(question);
    // Nearly always the name is free: who asks has looked before.
    if (await this.#storage.createOnce(nameOf(key, 1), bytes)) return recorded;
    for (;;) {
      const found = await this.#lookUp(key);
      if (found.answer !== undefined) return found.answer;
      if (await this.#storage.createOnce(found.freeName, bytes)) return recorded;
    }
  }

  /** Records durably that a run goes on without an answer to the question with this key. */
  async markUnanswered(runId: string, key: string, error: string): Promise<void> {
    // The run first: without its mark nobody looks for the others.
    for (const name of [unansweredName(runId), unansweredName(runId, key)]) {
      const bytes = encoder.encode(`${JSON.stringify({ run_id: runId, key, error: truncated(error) })}\n`);
      await this.#storage.createOnce(name, bytes);
    }
  }

  /**
   * Why a run went on without an answer to a question; `undefined` if it did not.
   *
   * @throws {CarryoverError} `CORRUPT` if its mark is damaged: with another error the run would not come out the same.
   */
  async findUnanswered(runId: string, key: string): Promise<string | undefined> {
    const name = unansweredName(runId, key);
    const bytes = await this.#read(name);
    if (bytes === undefined) return undefined;
    const { error } = decodeJsonObject(bytes, name, { maxBytes: MAX_ANSWER_BYTES });
    if (typeof error === "string") return error;
    throw fail("CORRUPT", `Cannot read "${name}"`, { found: "no error", expected: "a text" });
  }

  /** Whether a run went on without an answer to some question. */
  async hasUnanswered(runId: string): Promise<boolean> {
    return (await this.#read(unansweredName(runId))) !== undefined;
  }

  /** How many questions an earlier version recorded for a run as unanswered. Reads every file. */
  async silentAnswersOf(runId: string): Promise<number> {
    let count = 0;
    for await (const answer of this.#answersOf(runId)) if (isSilent(answer)) count += 1;
    return count;
  }

  /** Dollars that the recorded answers of a run cost. Reads every file. */
  async costOfRun(runId: string): Promise<number> {
    let sum = 0;
    for await (const { cost_usd: cost } of this.#answersOf(runId)) sum += cost ?? 0;
    return sum;
  }

  /** How often the user has had this provider's questions asked again, and an answer was recorded. */
  async refreshOf(provider: string): Promise<number> {
    let n = 0;
    while ((await this.#storage.read(refreshName(provider, n + 1), { maxBytes: 1 })) !== undefined) n += 1;
    return n;
  }

  /** The readable answers that a run asked for. */
  async *#answersOf(runId: string): AsyncGenerator<RecordedAnswer> {
    for (const { name } of (await this.#storage.list()).files) {
      if (!/^[0-9a-f]{64}/.test(name)) continue;
      const bytes = await this.#read(name);
      if (bytes === undefined || !decoder.decode(bytes).includes(`"run_id": "${runId}"`)) continue;
      const answer = await undefinedIfCorrupt(() => decodeAnswer(bytes, name));
      // A damaged one is reported when its question is asked.
      if (answer !== undefined) yield answer;
    }
  }

  #read(name: string): Promise<Uint8Array | undefined> {
    return this.#storage.read(name, { maxBytes: MAX_ANSWER_BYTES + 1 });
  }

  /** The first readable answer under a key, the first that says nothing, and the first free name where there is no answer. */
  async #lookUp(key: string): Promise<{ answer?: RecordedAnswer; silent?: RecordedAnswer; freeName: string }> {
    let silent: { silent?: RecordedAnswer } = {};
    for (let n = 1; ; n++) {
      const name = nameOf(key, n);
      const bytes = await this.#read(name);
      if (bytes === undefined) return { ...silent, freeName: name };
      try {
        const answer = await decodeAnswer(bytes, name);
        if (!isSilent(answer)) return { answer, freeName: name };
        silent = { silent: answer };
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

/**
 * Whether a model's server gave no answer, which versions before 0.3 recorded as an abstention. A program's abstention is its
 * answer.
 */
export function isSilent({ request, raw, vote }: Pick<RecordedAnswer, "request" | "raw" | "vote">): boolean {
  return raw.length === 0 && vote.error !== undefined && isRecord(request) && request["type"] === "llm";
}

function unansweredName(runId: string, key?: string): string {
  const run = runId.slice(0, 16);
  return key === undefined ? `unanswered_${run}.json` : `unanswered_${run}_${key}.json`;
}

/** The nth name of the answer under a key, from 1. */
function nameOf(key: string, n: number): string {
  return n === 1 ? `${key}.json` : `${key}-${n}.json`;
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
  const key = answerKey(answer);
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
