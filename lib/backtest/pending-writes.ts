/** Maximum writes under way before the loop waits for them. */
const MAX_PENDING = 64;

/** Writes that a run has begun, and waits for only when something depends on them. */
export class PendingWrites {
  readonly #pending = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  get isEmpty(): boolean {
    return this.#pending.size === 0;
  }

  /** What the first write that failed threw. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Records a failure of something that was not added. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  add(write: Promise<void>): void {
    this.#pending.add(write);
    const end = (): void => void this.#pending.delete(write);
    write.then(end, (error: unknown) => {
      end();
      this.fail(error);
    });
  }

  /** Waits for what is under way. @throws What a write threw that has failed by then. */
  async pending(): Promise<void> {
    this.throwIfFailed();
    await Promise.all(this.#pending);
  }

  /** Waits if too much is under way. */
  async makeRoom(): Promise<void> {
    if (this.#pending.size >= MAX_PENDING) await this.settle();
  }

  /** @throws What the first write that failed threw. */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Waits for everything. @throws What the first write that failed threw. */
  async settle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
    this.throwIfFailed();
  }
}
