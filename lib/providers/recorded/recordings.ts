/**
 * Recorded answers: `<key>.json` in the folder of answers holds one question and what came of it. It is created once and never
 * changed. If two runs ask the same question at a time, both use the answer that was recorded first.
 * A damaged file stays where it is; its question is asked again and recorded as `<key>-2.json`, and so on.
 */
import { fail, isCorrupt, undefinedIfCorrupt } from "../../errors.ts";
import { decodeJsonObject } from "../../util/json.ts";
import { sha256OfText } from "../../util/sha256.ts";
import type { AnswerFiles } from "./question-claims.ts";
import {
  decodeAnswer,
  encodeAnswer,
  isSilent,
  type KeyedQuestion,
  MAX_ANSWER_BYTES,
  type Question,
  type ReceivedAnswer,
  type RecordedAnswer,
  truncated,
  withKey,
} from "./answer-file.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The answers that are recorded in a folder. */
export class AnswerStore {
  readonly #storage: AnswerFiles;
  readonly #onNote: (note: string) => void;
  /** Names of damaged files that were reported. */
  readonly #reported = new Set<string>();
  /** Refresh marks made by this store, by name. */
  readonly #marks = new Map<string, Promise<unknown>>();

  /** @param options `onNote` gets one note for each damaged file. */
  constructor(storage: AnswerFiles, options: { onNote: (note: string) => void }) {
    this.#storage = storage;
    this.#onNote = options.onNote;
  }

  /**
   * The answer to a question; `undefined` if there is none, or none that can be read. Of a question that an earlier version recorded
   * without an answer and that was asked again, the later answer.
   */
  async find(question: KeyedQuestion): Promise<RecordedAnswer | undefined> {
    const { answer, silent } = await this.#lookUp(question);
    return answer ?? silent;
  }

  /**
   * Records an answer durably.
   *
   * @returns The answer to use: the one that another run recorded first, if there is one.
   */
  async keep(question: Question, answer: ReceivedAnswer): Promise<RecordedAnswer> {
    const keyed = withKey(question);
    const { bytes, recorded } = encodeAnswer(keyed, answer);
    // Before the answer: without its mark, the answer would be asked for again. A mark alone only asks for answers.
    await this.#markRefresh(question);
    // Nearly always the name is free: who asks has looked before.
    if (await this.#storage.createOnce(nameOf(keyed.key, 1), bytes)) return recorded;
    for (;;) {
      const found = await this.#lookUp(keyed);
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
    for await (const answer of this.answersOf(runId)) if (isSilent(answer)) count += 1;
    return count;
  }

  /** Dollars that the recorded answers of a run cost. Reads every file. */
  async costOfRun(runId: string): Promise<number> {
    let sum = 0;
    for await (const { cost_usd: cost } of this.answersOf(runId)) sum += cost ?? 0;
    return sum;
  }

  /** How often the user has had this provider's questions asked again, and an answer was recorded. */
  async refreshOf(provider: string): Promise<number> {
    let n = 0;
    while ((await this.#storage.read(refreshName(provider, n + 1), { maxBytes: 1 })) !== undefined) n += 1;
    return n;
  }

  /** The readable answers that a run asked for. */
  async *answersOf(runId: string): AsyncGenerator<RecordedAnswer> {
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

  /** The first readable answer to a question, the first that says nothing, and the first free name where there is no answer. */
  async #lookUp(
    question: KeyedQuestion,
  ): Promise<{ answer?: RecordedAnswer; silent?: RecordedAnswer; freeName: string }> {
    let silent: { silent?: RecordedAnswer } = {};
    for (let n = 1; ; n++) {
      const name = nameOf(question.key, n);
      const bytes = await this.#read(name);
      if (bytes === undefined) return { ...silent, freeName: name };
      try {
        const answer = decodeAnswer(bytes, name, question);
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
