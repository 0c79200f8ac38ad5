import { expect, test } from "bun:test";
import { firstIndex } from "../../lib/util/sorted.ts";

test.each([
  [[], 0],
  [[5], 0],
  [[1, 2, 3], 3],
  [[1, 5, 7], 1],
  [[5, 5, 7], 0],
  [[1, 3, 3, 3, 4, 9], 4],
])("finds in %j the first number above 3", (numbers, index) => {
  expect(firstIndex(numbers.length, (i) => numbers[i]! > 3)).toBe(index);
});
