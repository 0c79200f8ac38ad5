import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { plainKernel, wasmKernel, type Kernel } from "../../lib/search/kernel.ts";
import { SearchIndex } from "../../lib/search/search-index.ts";
import { seeded } from "../samples.ts";
import { bruteForce, KINDS, unit, vectorsOf } from "./vector-samples.ts";

function wasm(): Kernel {
  const kernel = wasmKernel();
  if (kernel === undefined) throw new Error("this machine has no WebAssembly with SIMD");
  return kernel;
}

describe.each([
  ["in WebAssembly", wasm],
  ["in plain TypeScript", plainKernel],
])("%s", (_name, openKernel) => {
  const indexOf = (vectors: readonly Float32Array[], dim: number): SearchIndex => {
    const index = new SearchIndex({ dim, kernel: openKernel() });
    index.insert(vectors);
    return index;
  };
  /** Five vectors of the plane; their products with (0.6, 0.8) are 0.6, 0.8, 1, -1, 0.6. */
  const plane = (): SearchIndex => {
    const vectors = [
      [1, 0],
      [0, 1],
      [0.6, 0.8],
      [-0.6, -0.8],
      [1, 0],
    ];
    return indexOf(
      vectors.map((vector) => Float32Array.from(vector)),
      2,
    );
  };
  const QUERY = Float32Array.of(0.6, 0.8);

  test("search() returns the most similar rows, best first, ties by lower row", () => {
    const matches = plane().search(QUERY, { k: 4 });
    expect(matches.map(({ row }) => row)).toEqual([2, 1, 0, 4]);
    [1, 0.8, 0.6, 0.6].forEach((expected, i) => expect(matches[i]?.similarity).toBeCloseTo(expected, 6));
  });

  test("search() returns accepted rows of its range only", () => {
    const index = plane();
    const rowsOf = (options: Parameters<SearchIndex["search"]>[1]): number[] =>
      index.search(QUERY, options).map(({ row }) => row);
    expect(rowsOf({ k: 1, from: 3 })).toEqual([4]);
    expect(rowsOf({ k: 9, to: 2 })).toEqual([1, 0]);
    expect(rowsOf({ k: 3, from: 2, to: 2 })).toEqual([]);
    expect(rowsOf({ k: 0 })).toEqual([]);
    expect(rowsOf({ k: 2, accept: (row) => row !== 2 })).toEqual([1, 0]);
    expect(rowsOf({ k: 2, accept: () => false })).toEqual([]);
  });

  test("an empty index has no matches", () => {
    expect(new SearchIndex({ dim: 3, kernel: openKernel() }).search(Float32Array.of(1, 0, 0), { k: 5 })).toEqual([]);
  });

  test("search() finds what computing every row finds, to the bit", () => {
    const scenario = fc.record({
      seed: fc.integer(),
      kind: fc.constantFrom(...KINDS),
      dim: fc.constantFrom(1, 2, 3, 15, 16, 17, 33, 64),
      // Around what one block holds, and where codes begin to pay.
      count: fc.oneof(fc.nat(140), fc.integer({ min: 900, max: 1300 }), fc.integer({ min: 2000, max: 3300 })),
      k: fc.oneof(fc.nat(20), fc.nat(4000)),
      range: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
      queryIsRow: fc.boolean(),
      acceptEvery: fc.constantFrom(undefined, 1, 2, 7, 500, 100_000),
    });
    fc.assert(
      fc.property(scenario, ({ seed, kind, dim, count, k, range, queryIsRow, acceptEvery }) => {
        const random = seeded(seed);
        const vectors = vectorsOf(kind, { count, dim }, random);
        const [other] = vectorsOf("random", { count: 1, dim }, random);
        const query = (queryIsRow ? vectors[count >> 1] : undefined) ?? other!;
        const [from = 0, to = 0] = range.map((part) => Math.round(part * count)).toSorted((a, b) => a - b);
        const every = acceptEvery ?? 1;
        const accept = acceptEvery === undefined ? {} : { accept: (row: number) => row % every === every - 1 };
        const options = { k, from, to, ...accept };
        expect(indexOf(vectors, dim).search(query, options)).toEqual(bruteForce(vectors, query, options));
      }),
      { numRuns: 40 },
    );
  }, 30_000);

  test("search() finds what computing every row finds, among thousands of vectors of each kind", () => {
    for (const kind of KINDS) {
      const random = seeded(1);
      const dim = 128;
      const vectors = vectorsOf(kind, { count: 4000, dim }, random);
      const queries = [...vectorsOf(kind, { count: 2, dim }, random), ...vectorsOf("spiky", { count: 1, dim }, random)];
      const index = indexOf(vectors, dim);
      for (const query of queries) {
        const nearest = bruteForce(vectors, query, { k: 20 });
        for (const k of [5, 20]) expect(index.search(query, { k })).toEqual(nearest.slice(0, k));
      }
    }
  }, 20_000);

  test.each([4096, 20_000])("sums of %i products do not overflow", (dim) => {
    const random = seeded(2);
    const signs = Array.from({ length: dim }, () => (random() < 0.5 ? 1 : -1));
    // From unlike to like the query: sums that left the range of int32 would come back at its other end.
    const vectors = Array.from({ length: 80 }, (_, i) => unit(signs.map((sign) => i * 2 + 30 * sign)));
    const query = unit(signs.map(() => 1));
    const index = indexOf(vectors, dim);
    const nearest = bruteForce(vectors, query, { k: 9 });
    for (const k of [1, 9]) expect(index.search(query, { k })).toEqual(nearest.slice(0, k));
  });

  test.each([1, -1])("of rows whose codes are exact, the query's own rounding hides none, sign %d", (sign) => {
    const dim = 64;
    const axis = (i: number): Float32Array => Float32Array.from({ length: dim }, (_, j) => (j === i ? sign : 0));
    const even = Float32Array.from({ length: dim }, () => sign / 8);
    // Codes of the query are multiples of 1/32,767 of its largest number: the others are rounded the wrong way.
    const query = unit(Array.from({ length: dim }, (_, i) => sign * (i === 0 ? 32_767 : i < 32 ? 3640.49 : 3641.49)));
    const vectors = [axis(0), ...Array.from({ length: 200 }, (_, i) => axis(1 + (i % 63)))];
    vectors[150] = even;
    const options = { k: 1 };
    expect(bruteForce(vectors, query, options)[0]!.row).toBe(150);
    expect(indexOf(vectors, dim).search(query, options)).toEqual(bruteForce(vectors, query, options));
  });

  test("the bounds allow for the rounding of the query", () => {
    const random = seeded(7);
    // One large number makes the query's other codes coarse; rows of two equal numbers lose nothing to their own codes.
    const query = unit(Array.from({ length: 64 }, (_, i) => (i === 0 ? 1 : 2e-4 * random())));
    const vectors = Array.from({ length: 2000 }, () => {
      const first = 1 + Math.floor(random() * 63);
      const second = 1 + ((first + Math.floor(random() * 62)) % 63);
      return unit(Array.from({ length: 64 }, (_, i) => (i === first || i === second ? 1 : 0)));
    });
    const index = indexOf(vectors, 64);
    const nearest = bruteForce(vectors, query, { k: 20 });
    for (const k of [1, 5, 20]) expect(index.search(query, { k })).toEqual(nearest.slice(0, k));
  });

  test("a filter by an as-of time is applied before the top k, in any order of rows", () => {
    const random = seeded(3);
    const vectors = vectorsOf("clustered", { count: 3000, dim: 32 }, random);
    const exits = vectors.map(() => Math.floor(random() * 1000));
    const index = indexOf(vectors, 32);
    for (const asOf of [0, 1, 37, 500, 2000]) {
      const options = { k: 10, accept: (row: number) => exits[row]! < asOf };
      const matches = index.search(vectors[7]!, options);
      expect(matches.every(({ row }) => exits[row]! < asOf)).toBe(true);
      expect(matches).toEqual(bruteForce(vectors, vectors[7]!, options));
    }
  });

  test("results are the same while searches still encode rows, a few thousand each", () => {
    const random = seeded(8);
    const dim = 8;
    const index = new SearchIndex({ dim, kernel: openKernel() });
    const vectors = vectorsOf("clustered", { count: 20_000, dim }, random);
    // The same rows again and again, so that equals lie in what has codes and in what has none.
    for (let row = 9000; row < 20_000; row++) vectors[row] = vectors[row % 3000]!;
    index.insert(vectors);
    const agree = (options: { k: number; from?: number; to?: number }): void => {
      const query = vectors[Math.floor(random() * 9000)]!;
      expect(index.search(query, options)).toEqual(bruteForce(vectors, query, options));
    };
    for (const options of [{ k: 20 }, { k: 5, from: 8000, to: 9000 }, { k: 20, from: 100 }, { k: 3 }]) agree(options);
    // What moves up loses its codes.
    const [first] = vectorsOf("random", { count: 1, dim }, random);
    for (const at of [20_000, 12_345, 0]) {
      index.insert([first!], at);
      vectors.splice(at, 0, first!);
      for (let i = 0; i < 4; i++) agree({ k: 20 });
    }
  }, 20_000);

  test("of thousands of equal rows, the first accepted ones are returned", () => {
    const random = seeded(9);
    const [same, other] = vectorsOf("random", { count: 2, dim: 16 }, random);
    const vectors = Array.from({ length: 7000 }, (_, row) => (row % 50 === 49 ? other! : Float32Array.from(same!)));
    const index = indexOf(vectors, 16);
    for (const accept of [undefined, (row: number) => row % 3 === 2, (row: number) => row > 6500]) {
      const options = { k: 10, ...(accept === undefined ? {} : { accept }) };
      expect(index.search(same!, options)).toEqual(bruteForce(vectors, same!, options));
      expect(index.search(other!, options)).toEqual(bruteForce(vectors, other!, options));
    }
  });

  test("rows inserted before others move them up, across blocks and as memory grows", () => {
    const random = seeded(4);
    const dim = 20;
    const vectors: Float32Array[] = [];
    const index = new SearchIndex({ dim, kernel: openKernel() });
    const made = vectorsOf("random", { count: 2600, dim }, random);
    while (made.length > 0) {
      const some = made.splice(0, 1 + Math.floor(random() * 5));
      const at = Math.max(0, vectors.length - Math.floor(random() * 4));
      index.insert(some, at);
      vectors.splice(at, 0, ...some);
    }
    const first = unit(Array.from({ length: dim }, () => 1));
    index.insert([first], 0);
    vectors.unshift(first);
    expect(index.rows).toBe(2601);
    for (const query of vectorsOf("random", { count: 20, dim }, random)) {
      expect(index.search(query, { k: 20 })).toEqual(bruteForce(vectors, query, { k: 20 }));
    }
  });

  test("memory is little more than 5 bytes a number: 4 for the float, which is not copied, and 1 for its code", () => {
    const kernel = openKernel();
    const index = new SearchIndex({ dim: 128, kernel });
    const rows = vectorsOf("random", { count: 100, dim: 128 }, seeded(5));
    for (let i = 0; i < 103; i++) index.insert(rows);
    expect(4 * 128 + kernel.buffer.byteLength / index.rows).toBeLessThan(1.3 * 5 * 128);
  });

  test("vectors that are not of unit length are refused: queries as a mistake, rows as damage", () => {
    const CORRUPT = expect.objectContaining({ code: "CORRUPT" });
    for (const bad of [
      [Number.NaN, 0],
      [Infinity, 0],
      [0, 0],
      [1, 0.1],
      [0.6, 0.7],
      [3e38, 3e38],
    ]) {
      expect(() => plane().search(Float32Array.from(bad), { k: 1 })).toThrow(RangeError);
      const rows = Array.from({ length: 64 }, () => Float32Array.of(1, 0));
      const index = indexOf([...rows, Float32Array.from(bad)], 2);
      // By each search that meets it, not the first one alone.
      for (let i = 0; i < 2; i++) expect(() => index.search(QUERY, { k: 1 })).toThrow(CORRUPT);
    }
    const message = "Cannot search: found a query of length NaN, expected 1";
    expect(() => plane().search(Float32Array.of(Number.NaN, 0), { k: 1 })).toThrow(new RangeError(message));
    // Too few rows for codes: computed as they are, but NaN is not taken for a similarity.
    expect(() => indexOf([Float32Array.of(Number.NaN, 1)], 2).search(QUERY, { k: 1 })).toThrow(CORRUPT);
  });

  test("options out of range are refused", () => {
    const index = plane();
    expect(() => index.search(Float32Array.of(1), { k: 1 })).toThrow(
      new RangeError("Cannot search: found a query of 1, expected 2"),
    );
    for (const range of [{ to: 6 }, { from: -1 }, { from: 3, to: 2 }, { from: 0.5 }, { to: Number.NaN }]) {
      expect(() => index.search(QUERY, { k: 1, ...range })).toThrow(RangeError);
    }
    for (const k of [-1, 1.5, Number.NaN]) expect(() => index.search(QUERY, { k })).toThrow(RangeError);
    expect(() => index.insert([Float32Array.of(1, 0)], 6)).toThrow(
      new RangeError("Cannot insert at row 6: expected 0 to 5"),
    );
    expect(() => index.insert([Float32Array.of(1, 0, 0)])).toThrow(RangeError);
    for (const dim of [0, -1, 1.5]) expect(() => new SearchIndex({ dim, kernel: openKernel() })).toThrow(RangeError);
  });

  test("without room for all codes, ranges that fit can be searched", () => {
    const kernel = openKernel();
    const full: Kernel = {
      exact: kernel.exact,
      coarse: kernel.coarse,
      select: kernel.select,
      encode: kernel.encode,
      get buffer() {
        return kernel.buffer;
      },
      grow: (bytes) => {
        if (kernel.buffer.byteLength + bytes > 60_000) throw new RangeError("full");
        kernel.grow(bytes);
      },
    };
    const index = new SearchIndex({ dim: 16, kernel: full });
    const vectors = vectorsOf("random", { count: 2500, dim: 16 }, seeded(6));
    index.insert(vectors);
    const query = vectors[1200]!;
    expect(() => index.search(query, { k: 5 })).toThrow(new RangeError("full"));
    const options = { k: 5, to: 1000 };
    expect(index.search(query, options)).toEqual(bruteForce(vectors, query, options));
  });
});

test("an index finds what computing every row finds in the memory that another one left", () => {
  for (const dim of [96, 24, 130, 24]) {
    const index = new SearchIndex({ dim });
    const vectors = vectorsOf("random", { count: 1500, dim }, seeded(dim));
    index.insert(vectors);
    const query = vectors[700]!;
    expect(index.search(query, { k: 7 })).toEqual(bruteForce(vectors, query, { k: 7 }));
    index.close();
    // A closed index can be searched again.
    expect(index.search(query, { k: 2, to: 900 })).toEqual(bruteForce(vectors, query, { k: 2, to: 900 }));
    index.close();
  }
});
