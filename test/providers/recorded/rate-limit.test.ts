import { expect, test } from "bun:test";
import { createRateLimiter, delay } from "../../../lib/providers/recorded/rate-limit.ts";

const FOREVER = new AbortController().signal;
const now = (): number => performance.now();

test("no more than so many run at a time, and they begin in the order of the calls", async () => {
  const pace = createRateLimiter({ concurrency: 3, now });
  const begun: number[] = [];
  let running = 0;
  let most = 0;
  const work = (i: number) => async (): Promise<number> => {
    begun.push(i);
    most = Math.max(most, (running += 1));
    await Bun.sleep(((i * 7) % 5) + 1);
    running -= 1;
    return i;
  };
  const results = await Promise.all(Array.from({ length: 20 }, (_, i) => pace.run(work(i), FOREVER)));
  expect(results).toEqual(Array.from({ length: 20 }, (_, i) => i));
  expect(begun).toEqual(results);
  expect(most).toBe(3);
});

test("work that fails gives its place to the next", async () => {
  const pace = createRateLimiter({ concurrency: 1, now });
  const failing = pace.run(() => Promise.reject(new Error("no")), FOREVER);
  const next = pace.run(() => Promise.resolve("yes"), FOREVER);
  expect(failing).rejects.toThrow("no");
  expect(await next).toBe("yes");
});

test("in any minute no more than so many begin", async () => {
  // A clock that goes a thousand times as fast.
  const start = performance.now();
  const fast = (): number => (performance.now() - start) * 1000;
  const pace = createRateLimiter({ concurrency: 100, perMinute: 5, now: fast });
  const begun: number[] = [];
  const controller = new AbortController();
  const all = Array.from({ length: 8 }, () =>
    pace.run(async () => void begun.push(fast()), controller.signal).catch(() => {}),
  );
  await Bun.sleep(30);
  expect(begun).toHaveLength(5);
  controller.abort();
  await Promise.all(all);
  expect(begun).toHaveLength(5);
});

test("after pause() nothing begins before its time", async () => {
  const pace = createRateLimiter({ concurrency: 4, now });
  const start = performance.now();
  pace.pause(60);
  await Promise.all([1, 2].map(() => pace.run(() => Promise.resolve(), FOREVER)));
  expect(performance.now() - start).toBeGreaterThanOrEqual(59);
});

test("who waits when the signal is aborted never begins; what has begun goes on", async () => {
  const pace = createRateLimiter({ concurrency: 1, now });
  const controller = new AbortController();
  const first = pace.run(() => Bun.sleep(20).then(() => "done"), controller.signal);
  let hasBegun = false;
  const second = pace.run(async () => (hasBegun = true), controller.signal);
  controller.abort(new Error("stopped"));
  expect(second).rejects.toThrow("stopped");
  expect(await first).toBe("done");
  expect(hasBegun).toBeFalse();
  expect(await pace.run(() => Promise.resolve("free again"), FOREVER)).toBe("free again");
  expect(pace.run(() => Promise.resolve(), controller.signal)).rejects.toThrow("stopped");
});

test("delay() ends at once when it is aborted, before or while it waits", async () => {
  const controller = new AbortController();
  const waiting = delay(60_000, controller.signal);
  controller.abort(new Error("stopped"));
  expect(waiting).rejects.toThrow("stopped");
  expect(delay(60_000, controller.signal)).rejects.toThrow("stopped");
});

test("how long work took is told without the wait for it, also of work that fails", async () => {
  let ms = 0;
  const pace = createRateLimiter({ concurrency: 1, now: () => ms });
  const took: number[] = [];
  const onRan = (each: number): number => took.push(each);
  const work = (forMs: number, error?: Error) => async (): Promise<void> => {
    await Promise.resolve();
    ms += forMs;
    if (error !== undefined) throw error;
  };
  await Promise.allSettled([
    pace.run(work(100), new AbortController().signal, { onRan }),
    pace.run(work(30, new Error("failed")), new AbortController().signal, { onRan }),
    pace.run(work(7), new AbortController().signal, { onRan }),
  ]);
  expect(took).toEqual([100, 30, 7]);
});
