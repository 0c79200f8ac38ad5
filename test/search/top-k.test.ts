import { expect, test } from "bun:test";
import fc from "fast-check";
import { searchTopK, type Matrix } from "../../lib/search/top-k.ts";

/** Five vectors of the plane, worked by hand: their products with (0.6, 0.8) are 0.6, 0.8, 1, -1, 0.6. */
const PLANE: Matrix = { dim: 2, data: Float64Array.of(1, 0, 0, 1, 0.6, 0.8, -0.6, -0.8, 1, 0) };
const QUERY = Float32Array.of(0.6, 0.8);

test("searchTopK() returns the most similar rows, best first, ties by lower row", () => {
  const matches = searchTopK(PLANE, QUERY, { k: 4, from: 0, to: 5 });
  expect(matches.map(({ row }) => row)).toEqual([2, 1, 0, 4]);
  [1, 0.8, 0.6, 0.6].forEach((expected, i) => expect(matches[i]?.similarity).toBeCloseTo(expected, 6));
});

test("searchTopK() looks at the rows of its range alone", () => {
  expect(searchTopK(PLANE, QUERY, { k: 1, from: 3, to: 5 }).map(({ row }) => row)).toEqual([4]);
  expect(searchTopK(PLANE, QUERY, { k: 9, from: 0, to: 2 }).map(({ row }) => row)).toEqual([1, 0]);
  expect(searchTopK(PLANE, QUERY, { k: 3, from: 2, to: 2 })).toEqual([]);
  expect(searchTopK(PLANE, QUERY, { k: 0, from: 0, to: 5 })).toEqual([]);
});

test("searchTopK() refuses a query of another length and rows that are not there", () => {
  expect(() => searchTopK(PLANE, Float32Array.of(1), { k: 1, from: 0, to: 5 })).toThrow(
    new RangeError("Cannot search: found a query of 1, expected 2"),
  );
  expect(() => searchTopK(PLANE, QUERY, { k: 1, from: 0, to: 6 })).toThrow(RangeError);
  expect(() => searchTopK(PLANE, QUERY, { k: 1, from: -1, to: 5 })).toThrow(RangeError);
});

test("searchTopK() finds what sorting all rows by their product finds", () => {
  // Few distinct values, so that there are ties; their products and sums are exact, in any order.
  const coordinate = fc.constantFrom<number[]>(-1, -0.5, 0, 0.25, 1);
  const scenario = fc.integer({ min: 1, max: 9 }).chain((dim) =>
    fc.record({
      dim: fc.constant(dim),
      rows: fc.array(fc.array(coordinate, { minLength: dim, maxLength: dim }), { maxLength: 40 }),
      query: fc.array(coordinate, { minLength: dim, maxLength: dim }),
      k: fc.nat(12),
    }),
  );
  fc.assert(
    fc.property(scenario, ({ dim, rows, query, k }) => {
      const products = rows.map((row, i) => ({
        row: i,
        similarity: row.reduce((sum, value, j) => sum + value * (query[j] as number), 0),
      }));
      const expected = products.toSorted((a, b) => b.similarity - a.similarity || a.row - b.row).slice(0, k);
      const data = Float64Array.from(rows.flat());
      const found = searchTopK({ dim, data }, Float32Array.from(query), { k, from: 0, to: rows.length });
      // Adding 0 makes the -0 of a product of zeros a 0.
      expect(found.map(({ row, similarity }) => ({ row, similarity: similarity + 0 }))).toEqual(
        expected.map(({ row, similarity }) => ({ row, similarity: similarity + 0 })),
      );
    }),
    { numRuns: 300 },
  );
});
