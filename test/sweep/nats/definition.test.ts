import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeDefinition,
  decodeQueuedCell,
  encodeDefinition,
  encodeQueuedCell,
} from "../../../lib/sweep/nats/definition.ts";
import { decodeFailure, decodeRunResult, encodeFailure, encodeRunResult } from "../../../lib/sweep/nats/results.ts";
import { CELL_FIGURES, type CellResult } from "../../../lib/sweep/cell-result.ts";

const PLAN = {
  base: { file: "/home/me/config.yaml", text: "backtest: {}\n", set: {} },
  cells: [{ cell: 1, set: { "backtest.seed": 2 } }],
};
const FILES = [{ path: "/home/me/data/A_1h.csv", sha256: "ab".repeat(32) }];

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

test.each([
  "/home/me/../../etc/cron.d/job",
  "/..",
  "../config.yaml",
  "data/A_1h.csv",
  "",
  "/",
  "/home//x",
  "/home/./x",
  String.raw`/home/..\..\x`,
  String.raw`C:\data\A_1h.csv`,
  "/home/a\0b",
])("a definition with the path %j, which a worker cannot put below its folder, is refused", (path) => {
  const withFile = { plan: PLAN, files: [...FILES, { path, sha256: "cd".repeat(32) }], runs: ["r0", "r1"] };
  const withBase = { plan: { ...PLAN, base: { ...PLAN.base, file: path } }, files: FILES, runs: ["r0", "r1"] };
  for (const definition of [withFile, withBase])
    expect(() => decodeDefinition(encodeDefinition(definition), "sweep")).toThrow(
      /Cannot read "sweep": found the path/,
    );
});

test("a definition with a hash that is none, or with too few runs, is refused", () => {
  const files = [{ path: "/a", sha256: "../x" }];
  expect(() => decodeDefinition(encodeDefinition({ plan: PLAN, files, runs: ["r0", "r1"] }), "s")).toThrow(
    /Cannot read/,
  );
  const definition = encodeDefinition({ plan: PLAN, files: FILES, runs: ["r0"] });
  expect(() => decodeDefinition(definition, "s")).toThrow(/found 1 runs, expected one for each of 2 cells/);
});

test("a queued cell is read as it was written, and other messages are refused", () => {
  const queued = { run: "r1", cell: 1 };
  expect(decodeQueuedCell(new TextEncoder().encode(encodeQueuedCell(queued)), "s")).toEqual(queued);
  for (const text of ["", "{", "null", '{"run":1,"cell":1}', '{"run":"r1"}'])
    expect(() => decodeQueuedCell(new TextEncoder().encode(text), "s")).toThrow(/Cannot take s: found another message/);
});

test("the result of a run belongs to every cell that is this run", () => {
  const result = {
    cell: 3,
    set: { "backtest.seed": 1 },
    inputs: {},
    run_id: "r",
    period: "2021-01-01/2021-01-02",
    figures: Object.fromEntries(CELL_FIGURES.map((name) => [name, 1])),
    longest_trade_days: 1,
    days_per_year: 365,
    dates: ["2021-01-01"],
    returns: [0.5],
  };
  const bytes = encodeRunResult(result as unknown as CellResult);
  const twin = { cell: 0, set: {} };
  expect(decodeRunResult(bytes, twin, "r")).toEqual({ ...result, ...twin } as unknown as CellResult);
  expect(encodeRunResult({ ...result, ...twin } as unknown as CellResult)).toEqual(bytes);
  expect(() => decodeRunResult(bytes, twin, "s")).toThrow(/found another run in it/);
});

test.each(["", "{", "null", "[]", '{"run_id":"r"}', '{"run_id":"r","period":"p","dates":[1],"returns":["x"]}'])(
  "a result %j on a server is refused as damaged",
  (text) => {
    const read = (): unknown => decodeRunResult(new TextEncoder().encode(text), { cell: 0, set: {} }, "r");
    expect(read).toThrow(/Cannot read "r"/);
  },
);

test("a failure is read as it was written", () => {
  expect(decodeFailure(encodeFailure('found "x"'))).toBe('found "x"');
  expect(decodeFailure(new TextEncoder().encode("{"))).toBe("unknown");
});
