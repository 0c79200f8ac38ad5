/** Contexts are a multiple of this many tokens. */
const CONTEXT_STEP = 128;
/** Questions that must have the same count. By chance, two prompts in a row have it about once in 20 times. */
const MIN_EQUAL = 3;

/**
 * Notices a server that cuts prompts to its context without saying so, as Ollama does: whatever the length of a prompt, it counts
 * as many tokens as its context (`num_ctx`) has.
 */
export class ContextCut {
  #tokens = 0;
  readonly #lengths = new Set<number>();

  /**
   * @param prompt `length` in characters, and the `tokens` that the server counted in it.
   * @returns The context, the first time that it is certain.
   */
  see({ length, tokens }: { length: number; tokens: number }): number | undefined {
    if (tokens !== this.#tokens) this.#lengths.clear();
    this.#tokens = tokens;
    const isFirst = this.#lengths.size < MIN_EQUAL;
    if (tokens > 0 && tokens % CONTEXT_STEP === 0) this.#lengths.add(length);
    return isFirst && this.#lengths.size === MIN_EQUAL ? tokens : undefined;
  }
}
