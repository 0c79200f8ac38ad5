import { expect, test } from "bun:test";
import { RateLimiter } from "../../../lib/providers/recorded/rate-limit.ts";

const signal = new AbortController().signal;
const now = (): number => performance.now();

test("runs no more than the limit at a time, and starts work in the order of the calls", async () => {
  const limiter = new RateLimiter({ concurrency: 3, now });
  const started: number[] = [];
  let running = 0;
  let most = 0;
  const work = (i: number) => async (): Promise<number> => {
    started.push(i);
    most = Math.max(most, (running += 1));
    await Bun.sleep(((i * 7) % 5) + 1);
    running -= 1;
    return i;
  };
  const results = await Promise.all(Array.from({ length: 20 }, (_, i) => limiter.run(work(i), { signal })));
  expect(results).toEqual(Array.from({ length: 20 }, (_, i) => i));
  expect(started).toEqual(results);
  expect(most).toBe(3);
});

test("gives the slot of failed work to the next", async () => {
  const limiter = new RateLimiter({ concurrency: 1, now });
  const failing = limiter.run(() => Promise.reject(new Error("no")), { signal });
  const next = limiter.run(() => Promise.resolve("yes"), { signal });
  await expect(failing).rejects.toThrow("no");
  expect(await next).toBe("yes");
});

test("starts no more than the limit within a minute", async () => {
  let nowMs = 0;
  const limiter = new RateLimiter({ concurrency: 100, perMinute: 5, now: () => nowMs });
  const started: number[] = [];
  const controller = new AbortController();
  const all = Array.from({ length: 8 }, () =>
    limiter.run(async () => void started.push(nowMs), { signal: controller.signal }).catch(() => {}),
  );
  await Bun.sleep(1);
  nowMs = 59_999;
  const next = limiter.run(async () => void started.push(nowMs), { signal });
  await Bun.sleep(3);
  expect(started).toEqual([0, 0, 0, 0, 0]);
  nowMs = 60_000;
  await next;
  controller.abort();
  await Promise.all(all);
  expect(started).toEqual([0, 0, 0, 0, 0, 60_000]);
});

test("starts nothing during a pause", async () => {
  const limiter = new RateLimiter({ concurrency: 4, now });
  const start = performance.now();
  limiter.pause(60);
  await Promise.all([1, 2].map(() => limiter.run(() => Promise.resolve(), { signal })));
  expect(performance.now() - start).toBeGreaterThanOrEqual(59);
});

test("never starts work that still waits when the signal is aborted, and lets running work finish", async () => {
  const limiter = new RateLimiter({ concurrency: 1, now });
  const controller = new AbortController();
  const first = limiter.run(() => Bun.sleep(20).then(() => "done"), { signal: controller.signal });
  let hasStarted = false;
  const second = limiter.run(async () => (hasStarted = true), { signal: controller.signal });
  controller.abort(new Error("stopped"));
  await expect(second).rejects.toThrow("stopped");
  expect(await first).toBe("done");
  expect(hasStarted).toBeFalse();
  expect(await limiter.run(() => Promise.resolve("free again"), { signal })).toBe("free again");
  await expect(limiter.run(() => Promise.resolve(), { signal: controller.signal })).rejects.toThrow("stopped");
});

test("reports how long work took, without the wait before it, also if it failed", async () => {
  let ms = 0;
  const limiter = new RateLimiter({ concurrency: 1, now: () => ms });
  const took: number[] = [];
  const onRan = (each: number): number => took.push(each);
  const work = (forMs: number, error?: Error) => async (): Promise<void> => {
    await Promise.resolve();
    ms += forMs;
    if (error !== undefined) throw error;
  };
  await Promise.allSettled([
    limiter.run(work(100), { signal, onRan }),
    limiter.run(work(30, new Error("failed")), { signal, onRan }),
    limiter.run(work(7), { signal, onRan }),
  ]);
  expect(took).toEqual([100, 30, 7]);
});
