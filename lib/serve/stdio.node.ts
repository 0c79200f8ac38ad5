/** JSON-RPC over stdin and stdout: a message a line. */
import { answerMessage, type RpcHandler, tooLarge } from "./json-rpc.ts";
import { type MessageLine, MessageLines } from "./message-lines.ts";

export interface StdioOptions extends RpcHandler {
  readonly input: AsyncIterable<Uint8Array>;
  /** Ends the reading, as the end of the input does. */
  readonly signal?: AbortSignal | undefined;
  /** Writes text, and returns when it is out. */
  readonly write: (text: string) => Promise<void>;
}

/** Messages that are being answered at once: the others wait in the pipe. */
const MAX_OPEN = 256;

/** Answers messages until the input ends, and all answers are out. Answers come as they are ready: their ids tell them apart. */
export async function serveStdio(options: StdioOptions): Promise<void> {
  const lines = new MessageLines();
  const out = new Outbox(options.write);
  const open = new Set<Promise<void>>();
  const begin = (line: MessageLine): void => {
    const answered = (line === undefined ? Promise.resolve(tooLarge()) : answerMessage(line, options)).then(
      (text) => void (text !== undefined && out.add(`${text}\n`)),
    );
    open.add(answered);
    void answered.then(() => open.delete(answered));
  };
  for await (const piece of piecesOf(options)) {
    for (const line of lines.push(piece)) {
      begin(line);
      if (open.size >= MAX_OPEN) await Promise.race(open);
    }
    // A client that does not read its answers is not read either.
    if (out.isFull) await out.settle();
  }
  // A last line without a newline is answered if it is whole; half a line is no JSON.
  for (const line of lines.end()) begin(line);
  await Promise.all(open);
  await out.settle();
}

/** The pieces of the input until it ends, or until the signal. */
async function* piecesOf({ input, signal }: StdioOptions): AsyncGenerator<Uint8Array> {
  const pieces = input[Symbol.asyncIterator]();
  let end = (): void => {};
  // One listener for all pieces: adding and removing one takes longer than reading a message.
  signal?.addEventListener("abort", () => end(), { once: true });
  for (;;) {
    if (signal?.aborted === true) return;
    const piece = await new Promise<IteratorResult<Uint8Array> | undefined>((resolve, reject) => {
      end = () => resolve(undefined);
      pieces.next().then(resolve, reject);
    });
    if (piece === undefined || piece.done === true) return;
    yield piece.value;
  }
}

/** Characters that wait to be written before no more is read. */
const FULL = 1 << 20;

/** Writes one text after the other; those that come meanwhile together. */
class Outbox {
  readonly #write: StdioOptions["write"];
  #waiting = "";
  #writing: Promise<void> | undefined;

  constructor(write: StdioOptions["write"]) {
    this.#write = write;
  }

  get isFull(): boolean {
    return this.#waiting.length > FULL;
  }

  add(text: string): void {
    this.#waiting += text;
    if (this.#writing !== undefined) return;
    this.#writing = this.#writeAll();
    // Whoever settles it gets its error.
    this.#writing.catch(() => {});
  }

  async settle(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting !== "") {
      const text = this.#waiting;
      this.#waiting = "";
      await this.#write(text);
    }
    this.#writing = undefined;
  }
}
