import { expect, test } from "bun:test";
import fc from "fast-check";
import { NumberColumn } from "../../lib/util/number-column.ts";

test("a column holds what an array would after the same insertions, NaN too", () => {
  const insertions = fc.array(
    fc.record({ value: fc.double(), place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }) }),
    {
      maxLength: 300,
    },
  );
  fc.assert(
    fc.property(insertions, (inserted) => {
      const column = new NumberColumn();
      const expected: number[] = [];
      for (const { value, place } of inserted) {
        const at = Math.floor(place * (expected.length + 1));
        column.insert(value, at);
        expected.splice(at, 0, value);
      }
      expect(column.length).toBe(expected.length);
      expect([...column.values.subarray(0, column.length)]).toEqual(expected);
    }),
  );
});

test("numbers come last unless a place is given", () => {
  const column = new NumberColumn();
  for (let i = 0; i < 100; i++) column.insert(i);
  expect([...column.values.subarray(95, 100)]).toEqual([95, 96, 97, 98, 99]);
});
