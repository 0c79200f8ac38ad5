/** Splits a stream into messages, a line each. */
import { joinBytes } from "../util/bytes.ts";
import { MAX_MESSAGE_BYTES } from "./json-rpc.ts";

const NEWLINE = 10;

/** A line, or `undefined` for one that was too long and was dropped. */
export type MessageLine = string | undefined;

export class MessageLines {
  readonly #decoder = new TextDecoder();
  #parts: Uint8Array[] = [];
  #length = 0;

  /** The lines that end in a piece of the stream. Empty ones are left out. */
  push(piece: Uint8Array): MessageLine[] {
    const lines: MessageLine[] = [];
    let start = 0;
    for (let end = piece.indexOf(NEWLINE); end !== -1; end = piece.indexOf(NEWLINE, start)) {
      this.#keep(piece.subarray(start, end));
      lines.push(...this.#take());
      start = end + 1;
    }
    this.#keep(piece.subarray(start));
    return lines;
  }

  /** What follows the last newline, at the end of the stream. */
  end(): MessageLine[] {
    return this.#take();
  }

  #keep(part: Uint8Array): void {
    this.#length += part.length;
    if (this.#length > MAX_MESSAGE_BYTES) this.#parts = [];
    // The stream may use its bytes again.
    else if (part.length > 0) this.#parts.push(part.slice());
  }

  #take(): MessageLine[] {
    const [parts, length] = [this.#parts, this.#length];
    this.#parts = [];
    this.#length = 0;
    if (length > MAX_MESSAGE_BYTES) return [undefined];
    const bytes = parts.length === 1 ? parts[0]! : joinBytes(parts, length);
    const line = this.#decoder.decode(bytes);
    return line.trim() === "" ? [] : [line];
  }
}
