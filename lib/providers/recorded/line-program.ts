import { unlessAborted, withResolvers } from "../../util/async.ts";
import { isRecord } from "../../util/json.ts";

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
}

/** A question that waits for its answer. */
interface OpenQuestion {
  readonly id: number;
  readonly line: string;
  readonly abort: AbortSignal;
  readonly answer: PromiseWithResolvers<string>;
  timer?: ReturnType<typeof setTimeout>;
  /** Whether it is asked a second time, after a crash. */
  isRetry: boolean;
}

/**
 * Asks a program that reads one question a line and writes one answer a line, in any order. The program starts with the first
 * question and stays. It is killed and started again if it is too late with an answer or writes without end.
 *
 * If the program crashes, nobody can tell which of the open questions caused it. So each of them is asked once more, alone, in
 * a program that has just been started, and fails only if that crashes as well. This way the answer to a question does not
 * depend on what else was asked at the same time.
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

  constructor(options: LineProgramOptions) {
    this.#options = options;
  }

  /**
   * Sends an object as a line, with an `id` that the program has to repeat.
   *
   * @returns The line of the answer.
   * @throws {ProgramFailure} If no answer came in time, or the program crashed. What `start` throws, if it cannot be started.
   * The reason of `abort`, after killing the program.
   */
  async exchange(request: Readonly<Record<string, unknown>>, { abort }: { abort: AbortSignal }): Promise<string> {
    const id = ++this.#lastId;
    const line = `${JSON.stringify({ id, ...request })}\n`;
    const question: OpenQuestion = { id, line, abort, answer: withResolvers(), isRetry: false };
    try {
      while (this.#retries > 0) await unlessAborted(this.#lastRetry, abort);
      abort.throwIfAborted();
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
      if (id === undefined && this.#open.size === 1 && isAnswerWithoutId(line)) this.#rejectWithoutId(line);
      return this.#note(line);
    }
    clearTimeout(question.timer);
    this.#open.delete(question.id);
    if (typeof id === "number") return question.answer.resolve(line);
    question.answer.reject(
      new ProgramFailure(`found the id ${JSON.stringify(id)} as a text, expected the number ${question.id}`),
    );
  }

  /** The only open question is what was answered. Without its id, no other question could be told apart. */
  #rejectWithoutId(line: string): void {
    const [question] = this.#open.values();
    clearTimeout(question!.timer);
    this.#open.clear();
    const found = `an answer without "id", ${JSON.stringify(line.slice(0, 80))}`;
    question!.answer.reject(
      new ProgramFailure(`found ${found}, expected the "id" of the question in it, ${question!.id}`),
    );
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
    for (const question of this.#stop()) {
      if (question.isRetry) question.answer.reject(failure);
      else this.#retry(question);
    }
  }

  /** Sends a question to a program of its own when earlier retries are done. New questions wait for all of them. */
  #retry(question: OpenQuestion): void {
    question.isRetry = true;
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

function isAnswerWithoutId(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) && ("action" in value || "error" in value);
  } catch {
    return false;
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
