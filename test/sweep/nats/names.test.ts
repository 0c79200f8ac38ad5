import { expect, test } from "bun:test";
import { queueIdOf, queueIdOfStream, streamOf, subjectOf } from "../../../lib/sweep/nats/names.ts";

test("a queue is named by the sweep and the runs that it is made of", () => {
  const id = queueIdOf("a", ["b", "c"]);
  expect(id).toMatch(/^[0-9a-f]{16}$/);
  expect(queueIdOf("a", ["b", "c"])).toBe(id);
  for (const other of [queueIdOf("b", ["b", "c"]), queueIdOf("a", ["c", "b"]), queueIdOf("a", ["b"])])
    expect(other).not.toBe(id);
});

test("the queue of a stream is found, and foreign streams are none", () => {
  const id = "0123456789abcdef";
  expect(queueIdOfStream(streamOf(id))).toBe(id);
  expect(subjectOf(id, "run")).toBe(`carryover.cells.${id}.run`);
  for (const name of ["KV_carryover-answers", "CARRYOVER_", `X_${streamOf(id)}`, `${streamOf(id)}0`])
    expect(queueIdOfStream(name)).toBeUndefined();
});
