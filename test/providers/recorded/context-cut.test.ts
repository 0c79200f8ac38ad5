import { expect, test } from "bun:test";
import { ContextCut } from "../../../lib/providers/recorded/context-cut.ts";

/** What is seen of prompts of these lengths, by a server that counts so. */
function seen(lengths: readonly number[], count: (length: number) => number): (number | undefined)[] {
  const cut = new ContextCut();
  return lengths.map((length) => cut.see({ length, tokens: count(length) }));
}

const LENGTHS = [9000, 9040, 9100, 9010, 9200];

test("a server that counts its context in prompts of three lengths cuts them, which is said once", () => {
  expect(seen(LENGTHS, (length) => Math.min(2048, Math.ceil(length / 3)))).toEqual([
    undefined,
    undefined,
    2048,
    undefined,
    undefined,
  ]);
});

test("nothing is said of a server that counts what it gets", () => {
  const nothing = LENGTHS.map(() => undefined);
  expect(seen(LENGTHS, (length) => Math.ceil(length / 3))).toEqual(nothing);
  // It happens to count a multiple of 128 in one prompt.
  expect(seen([6144, 6000, 6144, 6144, 6300], (length) => Math.ceil(length / 3))).toEqual(nothing);
});

test("nothing is said of a server whose counts are no counts", () => {
  expect(seen(LENGTHS, () => 700)).not.toContain(700);
  expect(seen(LENGTHS, () => 0)).not.toContain(0);
});
