import type { ObjectResult } from "@nats-io/obj";
import { expect, test } from "bun:test";
import { readObject } from "../../../lib/sweep/nats/read-object.ts";

/** A store whose object has these parts, and may end in an error. */
function storeOf(parts: readonly number[][], error?: Error): Parameters<typeof readObject>[0] {
  const data = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const part of parts) controller.enqueue(new Uint8Array(part));
      if (error === undefined) controller.close();
    },
    pull: (controller) => controller.error(error),
  });
  return { get: () => Promise.resolve({ data, error: Promise.resolve(null) } as unknown as ObjectResult) };
}

test("an object is read in parts", async () => {
  expect(await readObject(storeOf([[1, 2], [3]]), "a", { maxBytes: 3 })).toEqual(new Uint8Array([1, 2, 3]));
  expect(await readObject({ get: () => Promise.resolve(null) }, "a", { maxBytes: 3 })).toBeUndefined();
});

test("an object that is larger than it may be is refused, whatever the server says of its size", async () => {
  const read = readObject(storeOf([[1, 2], [3]], new Error("goes on for ever")), "a", { maxBytes: 2 });
  await expect(read).rejects.toThrow('Cannot read "a": found a larger object, expected at most 2 bytes');
});

test("an object that is damaged on the server is told from a lost connection", async () => {
  const damaged = new Error("received a corrupt object, digests do not match");
  await expect(readObject(storeOf([[1]], damaged), "a", { maxBytes: 2 })).rejects.toThrow(
    "found an object that is damaged",
  );
  await expect(readObject(storeOf([[1]], new Error("closed")), "a", { maxBytes: 2 })).rejects.toThrow("closed");
});
