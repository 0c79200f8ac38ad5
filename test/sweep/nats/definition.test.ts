import { expect, test } from "bun:test";
import fc from "fast-check";
import { decodeDefinition, encodeDefinition } from "../../../lib/sweep/nats/definition.ts";
import { decodeFailure, decodeRunResult, encodeFailure, encodeRunResult } from "../../../lib/sweep/nats/results.ts";
import type { CellResult } from "../../../lib/sweep/cell-result.ts";

const PLAN = {
  base: { file: "/home/me/config.yaml", text: "backtest: {}\n", set: {} },
  cells: [{ cell: 1, set: { "backtest.seed": 2 } }],
};
const FILES = [{ path: "/home/me/data/A_1h.csv", sha256: "ab" }];

test("a definition is read as it was written", () => {
  const definition = { plan: PLAN, files: FILES, runs: ["r0", "r1"] };
  expect(decodeDefinition(encodeDefinition(definition), "sweep")).toEqual(definition);
});

test("a definition that is cut off anywhere is refused as damaged", () => {
  const bytes = encodeDefinition({ plan: PLAN, files: FILES, runs: ["r0", "r1"] });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: bytes.length - 2 }), (length) => {
      expect(() => decodeDefinition(bytes.subarray(0, length), "sweep")).toThrow(/Cannot read "sweep"/);
    }),
    { numRuns: 50 },
  );
});

test("the result of a run belongs to every cell that is this run", () => {
  const result = {
    cell: 3,
    set: { "backtest.seed": 1 },
    inputs: {},
    run_id: "r",
    dates: ["2021-01-01"],
    returns: [0.5],
  };
  const bytes = encodeRunResult(result as unknown as CellResult);
  const twin = { cell: 0, set: {} };
  expect(decodeRunResult(bytes, twin, "r")).toEqual({ ...result, ...twin } as unknown as CellResult);
  expect(encodeRunResult({ ...result, ...twin } as unknown as CellResult)).toEqual(bytes);
  expect(() => decodeRunResult(bytes, twin, "s")).toThrow(/found another run in it/);
});

test("a failure is read as it was written", () => {
  expect(decodeFailure(encodeFailure('found "x"'))).toBe('found "x"');
});
