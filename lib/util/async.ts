/** Settles like `work`, but rejects with the signal's reason as soon as the signal is aborted. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** Resolves after `ms`, or rejects with the signal's reason as soon as it is aborted. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const elapsed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  return unlessAborted(elapsed, signal).finally(() => clearTimeout(timer));
}

/** Lets events in, such as signals of the operating system and the ends of writes. Work that awaits only settled promises never does. */
export async function letEventsIn(): Promise<void> {
  // Browsers have no setImmediate(), which is faster.
  const { setImmediate = setTimeout } = globalThis as { setImmediate?: (then: (value: unknown) => void) => unknown };
  await new Promise((resolve) => void setImmediate(resolve));
}

/** To be awaited between the steps of long work. Throws the reason of a signal that was aborted. */
export type Pause = () => Promise<void>;

/** Returns a pause that lets events in every `steps` calls. */
export function pauseEvery(steps: number, signal: AbortSignal | undefined): Pause {
  let calls = 0;
  return async () => {
    signal?.throwIfAborted();
    if (++calls % steps > 0) return;
    await letEventsIn();
    signal?.throwIfAborted();
  };
}

/** Called as the steps of long work are done: what they were (`Copied`), how many are done, and of how many. */
export type OnSteps = (what: string, done: number, of: number) => void;

/** Like `Promise.all()`, but waits until all are settled, so that after an error nothing goes on. */
export async function settleAll<T extends readonly unknown[]>(
  work: T,
): Promise<{ -readonly [Index in keyof T]: Awaited<T[Index]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

/** Runs `work` on each item, at most `atOnce` at a time, and waits for all. After an error no further one is begun. */
export async function forEachAtOnce<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const workNext = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      try {
        await work(items[index]!, index);
      } catch (error) {
        next = items.length;
        throw error;
      }
    }
  };
  await settleAll(Array.from({ length: Math.min(atOnce, items.length) }, workNext));
}

/** As `PromiseWithResolvers`, which programs of ES2022 have no type of. */
export interface Resolvers<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T | PromiseLike<T>) => void;
  readonly reject: (reason?: unknown) => void;
}

/** `Promise.withResolvers()`, which Node 20 has not. */
export function withResolvers<T>(): Resolvers<T> {
  let resolve!: Resolvers<T>["resolve"];
  let reject!: Resolvers<T>["reject"];
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
