import { expect, test } from "bun:test";
import { delay, unlessAborted } from "../../lib/util/async.ts";

test("delay() resolves in time", async () => {
  const start = performance.now();
  await delay(20, new AbortController().signal);
  expect(performance.now() - start).toBeGreaterThanOrEqual(19);
});

test("delay() rejects at once if the signal is aborted, before or during the wait", async () => {
  const controller = new AbortController();
  const waiting = delay(60_000, controller.signal);
  controller.abort(new Error("stopped"));
  await expect(waiting).rejects.toThrow("stopped");
  await expect(delay(60_000, controller.signal)).rejects.toThrow("stopped");
});

test("unlessAborted() settles like the work, or rejects at once if the signal is aborted", async () => {
  const controller = new AbortController();
  expect(await unlessAborted(Promise.resolve(1), controller.signal)).toBe(1);
  expect(await unlessAborted(Promise.resolve(2), undefined)).toBe(2);
  await expect(unlessAborted(Promise.reject(new Error("failed")), controller.signal)).rejects.toThrow("failed");
  const never = unlessAborted(new Promise(() => {}), controller.signal);
  controller.abort(new Error("stopped"));
  await expect(never).rejects.toThrow("stopped");
});
