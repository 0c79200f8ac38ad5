import { type Resolvers, unlessAborted, withResolvers } from "../../util/async.ts";
import { isRecord } from "../../util/json.ts";
import { UnusableProvider } from "../first-answers.ts";

/** A running program. */
export interface ProgramProcess {
  write(line: string): void;
  /** Kills it with everything that it started. No event comes afterwards. */
  kill(): void;
  /** Closes its stdin, gives it a moment to end, then kills it. */
  close(): Promise<void>;
}

/** What a running program reports. */
export interface ProgramEvents {
  onLine(line: string): void;
  /** It ended, or wrote what no program should. */
  onCrash(failure: ProgramFailure): void;
  /** It could not be started. */
  onStartError(error: unknown): void;
}

/** A program was there and gave no answer. */
export class ProgramFailure extends Error {}

/** How a program is used. */
interface LineProgramOptions {
  /** Names the provider in messages. */
  readonly name: string;
  /** Starts the program. May throw if that is impossible. */
  readonly start: (events: ProgramEvents) => ProgramProcess;
  /** Time for one answer. */
  readonly timeoutMs: number;
  /** Called once, for the first line on stdout that is no answer. */
  readonly onNote: (note: string) => void;
  /** The last line that it wrote to stderr, for messages. */
  readonly lastWords?: () => string;
}

/** How a question is asked. */
interface ExchangeOptions {
  readonly abort: AbortSignal;
  /** Whether a recorded answer of the program was used before. @default false */
  readonly hasAnswered?: boolean;
}

/** A question that waits for its answer. */
interface OpenQuestion {
  readonly id: number;
  readonly line: string;
  readonly abort: AbortSignal;
  readonly hasAnswered: boolean;
  readonly answer: Resolvers<string>;
  timer?: ReturnType<typeof setTimeout>;
  /** Whether it is asked a second time, after a crash. */
  isRetry: boolean;
  /** Whether no other question was open then. */
  wasAlone: boolean;
}

/**
 * Asks a program that reads one question a line and writes one answer a line, in any order. The program starts with the first
 * question and stays. It is killed and started again if it is too late with an answer or writes without end.
 *
 * If the program crashes, nobody can tell which of the open questions caused it. So each of them is asked once more, alone, in
 * a program that has just been started, and fails only if that crashes as well. This way the answer to a question does not
 * depend on what else was asked at the same time. A program that crashes twice at its
 * first question, with no other one open, is not started a third time.
 */
export class LineProgram {
  readonly #options: LineProgramOptions;
  #process: ProgramProcess | undefined;
  /** Sent and not answered yet, by id. */
  readonly #open = new Map<number, OpenQuestion>();
  #retries = 0;
  /** Settles after the last retry. */
  #lastRetry: Promise<unknown> = Promise.resolve();
  #lastId = 0;
  #hasNoted = false;
  #hasAnswered = false;
  /** Why no question is sent any more. */
  #unusable: UnusableProvider | undefined;

  constructor(options: LineProgramOptions) {
    this.#options = options;
  }

  /**
   * Sends an object as a line, with an `id` that the program has to repeat.
   *
   * @returns The line of the answer.
   * @throws {ProgramFailure} If no answer came in time, or the program crashed. {UnusableProvider} If it crashed twice
   * at its first question. What `start` throws, if it cannot be started. The reason of `abort`, after killing the program.
   */
  async exchange(request: Readonly<Record<string, unknown>>, options: ExchangeOptions): Promise<string> {
    const { abort, hasAnswered = false } = options;
    const id = ++this.#lastId;
    const line = `${JSON.stringify({ id, ...request })}\n`;
    const question: OpenQuestion = {
      id,
      line,
      abort,
      hasAnswered,
      answer: withResolvers(),
      isRetry: false,
      wasAlone: false,
    };
    try {
      while (this.#retries > 0) await unlessAborted(this.#lastRetry, abort);
      abort.throwIfAborted();
      if (this.#unusable !== undefined) throw this.#unusable;
      this.#send(question);
      return await unlessAborted(question.answer.promise, abort);
    } catch (error) {
      if (abort.aborted) this.#fail(error);
      throw error;
    }
  }

  async close(): Promise<void> {
    const last = this.#process;
    this.#process = undefined;
    await last?.close();
  }

  #send(question: OpenQuestion): void {
    const { start, timeoutMs } = this.#options;
    this.#open.set(question.id, question);
    question.timer = setTimeout(() => this.#tooLate(question), timeoutMs);
    try {
      this.#process ??= start({
        onLine: (line) => this.#read(line),
        onCrash: (failure) => this.#retryEach(failure),
        onStartError: (error) => this.#fail(error),
      });
      this.#process.write(question.line);
    } catch (error) {
      this.#fail(error);
    }
  }

  #read(line: string): void {
    const id = idOf(line);
    const question = this.#open.get(Number(id));
    if (question === undefined) {
      const problem =
        id === undefined && this.#open.size === 1 ? problemOf(line, [...this.#open.keys()][0]!) : undefined;
      if (problem !== undefined) this.#rejectOnly(new ProgramFailure(problem));
      return this.#note(line);
    }
    this.#hasAnswered = true;
    clearTimeout(question.timer);
    this.#open.delete(question.id);
    if (typeof id === "number") return question.answer.resolve(line);
    question.answer.reject(
      new ProgramFailure(`found the id ${JSON.stringify(id)} as a text, expected the number ${question.id}`),
    );
  }

  /** The only open question is what was answered. Of several, nobody could tell which. */
  #rejectOnly(failure: ProgramFailure): void {
    const [question] = this.#open.values();
    clearTimeout(question!.timer);
    this.#open.clear();
    question!.answer.reject(failure);
  }

  #note(line: string): void {
    if (this.#hasNoted || line.trim() === "") return;
    this.#hasNoted = true;
    this.#options.onNote(
      `Provider "${this.#options.name}" wrote a line that is no answer, ${JSON.stringify(line.slice(0, 80))}: stdout is for ` +
        'answers with the "id" of a question, and stderr for everything else',
    );
  }

  /** Kills the program. @returns The questions that it left open, oldest first. */
  #stop(): OpenQuestion[] {
    this.#process?.kill();
    this.#process = undefined;
    const left = [...this.#open.values()];
    this.#open.clear();
    for (const { timer } of left) clearTimeout(timer);
    return left;
  }

  #fail(error: unknown): void {
    for (const { answer } of this.#stop()) answer.reject(error);
  }

  /** Sends the other open questions to a new program. */
  #tooLate(late: OpenQuestion): void {
    const seconds = this.#options.timeoutMs / 1000;
    late.answer.reject(new ProgramFailure(`no answer within ${seconds} s; the program is started again`));
    for (const question of this.#stop()) if (question !== late) this.#send(question);
  }

  #retryEach(failure: ProgramFailure): void {
    const left = this.#stop();
    for (const question of left) {
      if (question.isRetry) question.answer.reject(this.#failureOf(question, failure));
      else this.#retry(question, { wasAlone: left.length === 1 });
    }
  }

  /** What a second crash means: the question is no good, or the program, if that was its first one. */
  #failureOf({ hasAnswered, wasAlone }: OpenQuestion, failure: ProgramFailure): Error {
    if (hasAnswered || this.#hasAnswered || !wasAlone) return failure;
    const { name, lastWords } = this.#options;
    const words = lastWords?.() ?? "";
    this.#unusable = new UnusableProvider(
      "UNANSWERED",
      `Cannot use provider "${name}": found that ${failure.message} twice at its first question` +
        `${words === "" ? "" : ` (its last line on stderr: ${words})`}, expected votes`,
      { cause: failure },
    );
    return this.#unusable;
  }

  /** Sends a question to a program of its own when earlier retries are done. New questions wait for all of them. */
  #retry(question: OpenQuestion, { wasAlone }: { wasAlone: boolean }): void {
    Object.assign(question, { isRetry: true, wasAlone });
    this.#retries += 1;
    this.#lastRetry = this.#lastRetry.then(async () => {
      if (!question.abort.aborted) {
        this.#stop();
        this.#send(question);
        await Promise.allSettled([question.answer.promise]);
      }
      this.#retries -= 1;
    });
  }
}

/** Why a line without an id that looks like an answer is none. `undefined` for any other line. */
function problemOf(line: string, id: number): string | undefined {
  const shown = JSON.stringify(line.slice(0, 80));
  try {
    const value: unknown = JSON.parse(line);
    const isAnswer = isRecord(value) && ("action" in value || "error" in value);
    return isAnswer
      ? `found an answer without "id", ${shown}, expected the "id" of the question in it, ${id}`
      : undefined;
  } catch {
    if (!line.trimStart().startsWith("{")) return undefined;
    // Python's json.dumps() writes them.
    const [, word] = /[:[,]\s*(NaN|-?Infinity)\b/.exec(line) ?? [];
    return word === undefined
      ? `found an answer that is not JSON, ${shown}, expected one line of JSON`
      : `found ${word}, which JSON does not have, in ${shown}, expected HOLD, or an "error"`;
  }
}

/** The id of an answer: a number, or a text where a program made one of it. */
function idOf(line: string): number | string | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const id = isRecord(value) ? value["id"] : undefined;
    return typeof id === "number" || typeof id === "string" ? id : undefined;
  } catch {
    return undefined;
  }
}
