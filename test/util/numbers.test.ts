import { expect, test } from "bun:test";
import { meanOf, rounded } from "../../lib/util/numbers.ts";

test("meanOf() leaves null out, and is null where nothing is left", () => {
  expect(meanOf([1, 2, 6])).toBe(3);
  expect(meanOf([null, 1, 3, null])).toBe(2);
  expect(meanOf([null])).toBeNull();
  expect(meanOf([])).toBeNull();
});

test("rounded() keeps 10 significant digits", () => {
  expect([1 / 3, 123_456_789.123_456, 2e-20 / 3].map(rounded)).toEqual([0.3333333333, 123_456_789.1, 6.666666667e-21]);
});
