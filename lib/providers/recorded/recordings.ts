/**
 * `<key>.json` in the folder of answers: one question that cost money or cannot be asked again, and what came of it.
 * Created once and never changed, also by several runs at a time: who comes second uses the first's answer.
 *
 * A JSON object with a key a line. The last key, `crc32`, is over all bytes before its opening quote. A file that is damaged
 * stays as it is, and the question is asked again under `<key>-2.json`, and so on.
 */
import type { Answer } from "../../types.ts";
import { CarryoverError } from "../../errors.ts";
import { decodeJsonObject, isRecord, type Json } from "../../util/json.ts";
import { checkSeal, seal } from "../../storage/sealed-json.ts";
import { sha256OfBytes, sha256OfText } from "../../util/sha256.ts";
import type { Storage } from "../../storage/storage.ts";

/** What a provider is asked. The key of its answer is SHA-256 of this as compact JSON, keys in this order. */
export interface Question {
  readonly provider: string;
  /** All that the answer depends on: the model and its parameters, or the program; and the prompt in full. */
  readonly request: Json;
  /** How often the user wanted this provider's answers anew. */
  readonly refresh: number;
}

/** What came of a question. */
export interface ReceivedAnswer {
  readonly vote: Answer;
  /** What the provider really said, the last attempt last; empty where nothing came. */
  readonly raw: readonly string[];
  readonly tokens: { readonly input: number; readonly output: number } | null;
  readonly cost_usd: number | null;
  /** Wall-clock time, ISO 8601. */
  readonly asked_at: string;
  /** Of all requests together, without the wait for one's turn and between tries. */
  readonly took_ms: number;
  /** The run that asked. */
  readonly run_id: string | null;
}

/** An answer as its file has it, but for `crc32`. Keys are written in this order. */
export interface RecordedAnswer extends Question, ReceivedAnswer {
  readonly format: "carryover-answer";
  readonly version: 1;
}

/** Answers that were recorded. */
export interface AnswerStore {
  /** The answer under a key (`answerKey`); `undefined` where there is none, or none that can be read. */
  find(key: string): Promise<RecordedAnswer | undefined>;

  /** Records an answer durably, and before the first of a refresh that this has begun. @returns The answer to be used: the one that another run recorded first, if there is one. */
  keep(question: Question, answer: ReceivedAnswer): Promise<RecordedAnswer>;

  /** What the answers that a run asked for cost together. Reads every file. */
  costOfRun(runId: string): Promise<number>;

  /** How often this provider's answers were wanted anew, and came. */
  refreshOf(provider: string): Promise<number>;
}

/** Larger files are no answers. */
const MAX_ANSWER_BYTES = 1 << 20;

/** Characters that are recorded of each text of an answer: one that is longer must not keep its answer out of the record. */
const MAX_TEXT = 20_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The key of a question's answer: 64 hexadecimal digits. */
export function answerKey({ provider, request, refresh }: Question): Promise<string> {
  return sha256OfBytes(encoder.encode(JSON.stringify({ provider, request, refresh })));
}

/**
 * Opens a folder of answers. Nothing is read or written before it is asked for.
 *
 * @param options `onNote` is told of files that are damaged.
 */
export function openAnswerStore(storage: Storage, options: { onNote: (note: string) => void }): AnswerStore {
  const told = new Set<string>();

  /** The first sound answer under a key, or the first name that is free. */
  const look = async (key: string): Promise<RecordedAnswer | string> => {
    for (let n = 1; ; n++) {
      const name = n === 1 ? `${key}.json` : `${key}-${n}.json`;
      const bytes = await storage.read(name, { maxBytes: MAX_ANSWER_BYTES + 1 });
      if (bytes === undefined) return name;
      try {
        return await decodeAnswer(bytes, name);
      } catch (error) {
        if (!(error instanceof CarryoverError) || error.code !== "CORRUPT") throw error;
        if (!told.has(name)) options.onNote(`A recorded answer is passed over: ${error.message}`);
        told.add(name);
      }
    }
  };

  const refreshName = (provider: string, n: number): string =>
    `refresh_${sha256OfText(provider).slice(0, 16)}_${n}.json`;
  const refreshOf = async (provider: string): Promise<number> => {
    let n = 0;
    while ((await storage.read(refreshName(provider, n + 1), { maxBytes: 1 })) !== undefined) n += 1;
    return n;
  };

  /** Marks that were made here, by their names. */
  const begun = new Map<string, Promise<unknown>>();
  const begin = async ({ provider, refresh }: Question): Promise<void> => {
    if (refresh === 0) return;
    const name = refreshName(provider, refresh);
    const marked =
      begun.get(name) ?? storage.createOnce(name, encoder.encode(`${JSON.stringify({ provider, refresh })}\n`));
    begun.set(name, marked);
    await marked;
  };

  return {
    async find(key) {
      const found = await look(key);
      return typeof found === "string" ? undefined : found;
    },

    async keep(question, answer) {
      const { provider, request, refresh } = question;
      const { tokens, cost_usd, asked_at, took_ms, run_id } = answer;
      const recorded: RecordedAnswer = {
        format: "carryover-answer",
        version: 1,
        provider,
        refresh,
        request,
        vote: shortenedVote(answer.vote),
        raw: answer.raw.map(shortened),
        tokens,
        cost_usd,
        asked_at,
        took_ms,
        run_id,
      };
      const bytes = encodeAnswer(recorded);
      const key = await answerKey(question);
      // First: an answer without the mark would be asked for once more, and a mark without an answer only asks for them.
      await begin(question);
      for (;;) {
        const found = await look(key);
        if (typeof found !== "string") return found;
        if (await storage.createOnce(found, bytes)) return recorded;
      }
    },

    async costOfRun(runId) {
      let sum = 0;
      for (const { name } of (await storage.list()).files) {
        if (!/^[0-9a-f]{64}/.test(name)) continue;
        const bytes = await storage.read(name, { maxBytes: MAX_ANSWER_BYTES + 1 });
        if (bytes === undefined || !decoder.decode(bytes).includes(`"run_id": "${runId}"`)) continue;
        try {
          sum += (await decodeAnswer(bytes, name)).cost_usd ?? 0;
        } catch {
          // Whoever asks for this answer is told.
        }
      }
      return sum;
    },

    refreshOf,
  };
}

function shortened(text: string): string {
  return text.slice(0, MAX_TEXT);
}

function shortenedVote(vote: Answer): Answer {
  const { reason, error } = vote;
  return {
    ...vote,
    ...(reason === undefined ? {} : { reason: shortened(reason) }),
    ...(error === undefined ? {} : { error: shortened(error) }),
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
    new CarryoverError("CORRUPT", `Cannot read "${name}": found ${found}, expected ${expected}`);
  const fields = decodeJsonObject(bytes, name, { maxBytes: MAX_ANSWER_BYTES });
  if (checkSeal({ bytes, fields }, name) === undefined) throw damaged("no crc32", "one as the last key");
  if (fields["format"] !== "carryover-answer" || fields["version"] !== 1 || !hasAnswersShape(fields)) {
    throw damaged("another format", "an answer of version 1");
  }
  const answer = fields as unknown as RecordedAnswer;
  // Somebody may have copied it over another's.
  const key = await answerKey(answer);
  if (!name.startsWith(key)) throw damaged(`the answer to the question ${key}`, "that to the question of its name");
  return answer;
}

/** Whether what is used of an answer is there. The checksum says that no bit was flipped, not that it was written here. */
function hasAnswersShape({ vote, raw, tokens, cost_usd: cost, run_id: runId }: Record<string, unknown>): boolean {
  const isText = (value: unknown): boolean => typeof value === "string";
  const isAmount = (value: unknown): boolean => typeof value === "number" && value >= 0 && value < Infinity;
  return (
    isRecord(vote) &&
    ["BUY", "SELL", "HOLD"].some((action) => action === vote["action"]) &&
    isAmount(vote["confidence"]) &&
    Number(vote["confidence"]) <= 100 &&
    [vote["reason"], vote["error"]].every((text) => text === undefined || isText(text)) &&
    Array.isArray(raw) &&
    raw.every(isText) &&
    (tokens === null || (isRecord(tokens) && isAmount(tokens["input"]) && isAmount(tokens["output"]))) &&
    (cost === null || isAmount(cost)) &&
    (runId === null || isText(runId))
  );
}
