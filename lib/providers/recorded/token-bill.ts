import type { LlmConfig } from "../../config/config.ts";

/** Bytes a token where no server counted: the prompt has 3.2 with OpenAI's o200k_base, 2.3 with SmolLM2, which splits numbers. */
export const BYTES_PER_TOKEN = 3;

/** Tokens that a server may add around each message of a conversation. */
const FRAME_TOKENS = 200;

/** Tokens of a request and of its answer. */
export interface TokenCounts {
  readonly input: number;
  readonly output: number;
}

/** Adds up what the requests of one question cost. */
export class TokenBill {
  readonly #promptBytes: number;
  readonly #model: Pick<LlmConfig, "max_output_tokens" | "price_per_mtok">;
  #usd = 0;
  #input = 0;
  #output = 0;
  #answers = 0;
  #isCounted = true;

  constructor(prompt: string, model: Pick<LlmConfig, "max_output_tokens" | "price_per_mtok">) {
    this.#promptBytes = bytesOf(prompt);
    this.#model = model;
  }

  get usd(): number {
    return this.#usd;
  }

  /** The tokens of all answers; `null` if there is none, or a server did not count them believably. */
  get tokens(): TokenCounts | null {
    return this.#answers > 0 && this.#isCounted ? { input: this.#input, output: this.#output } : null;
  }

  /** Dollars that the nth request (from 0) can cost. */
  maxUsd(attempt: number): number {
    return this.#usdOf(this.#maxTokens(attempt));
  }

  /** Charges a request without an answer that the model may have worked on: as much as it can cost. */
  addFailure(attempt: number): void {
    this.#usd += this.maxUsd(attempt);
  }

  /**
   * Charges an answered request.
   *
   * @param texts `counted`: the tokens as the server counted them.
   */
  addAnswer(
    attempt: number,
    { sent, received, counted }: { sent: readonly string[]; received: string; counted: TokenCounts | undefined },
  ): void {
    const max = this.#maxTokens(attempt);
    const input = chargedTokens(counted?.input, { max: max.input, texts: sent });
    const output = chargedTokens(counted?.output, { max: max.output, texts: [received] });
    this.#isCounted &&= counted?.input === input && counted.output === output;
    this.#answers += 1;
    this.#input += input;
    this.#output += output;
    this.#usd += this.#usdOf({ input, output });
  }

  /** A token is at least one byte, and each further request repeats the one before with its answer. */
  #maxTokens(attempt: number): TokenCounts {
    const output = this.#model.max_output_tokens;
    return { input: this.#promptBytes + FRAME_TOKENS + attempt * (output + FRAME_TOKENS), output };
  }

  #usdOf({ input, output }: TokenCounts): number {
    const { price_per_mtok: price } = this.#model;
    return price === undefined ? 0 : (input * price.input + output * price.output) / 1e6;
  }
}

/**
 * The server's count, or an estimate from the bytes of `texts` where it has none or an impossible one. Never more than was
 * reserved, so that the budget holds whatever a server says.
 */
function chargedTokens(count: number | undefined, { max, texts }: { max: number; texts: readonly string[] }): number {
  if (count !== undefined && Number.isInteger(count) && count >= 0) return Math.min(count, max);
  const bytes = texts.reduce((sum, text) => sum + bytesOf(text), 0);
  return Math.min(Math.ceil(bytes / BYTES_PER_TOKEN), max);
}

const encoder = new TextEncoder();

function bytesOf(text: string): number {
  return encoder.encode(text).length;
}
