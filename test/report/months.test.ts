import { expect, test } from "bun:test";
import { monthEnds } from "../../lib/report/months.ts";

test("monthEnds() has the last equity, the return and the deepest fall of each month", () => {
  const marks = [
    ["2021-01-10", 120],
    ["2021-01-31T23:00:00Z", 90],
    ["2021-02-01", 60],
    ["2021-02-15", 150],
  ].map(([at, equity]) => ({ atMs: Date.parse(String(at)), equity: Number(equity) }));
  const [january, february] = monthEnds(marks, 100);
  // From 100 to 90, and 90 of the peak of 120; from 90 to 150, and 60 of 120.
  expect(january).toMatchObject({ month: "2021-01", equity: 90 });
  expect(january!.returnPct).toBeCloseTo(-10, 12);
  expect(january!.drawdownPct).toBeCloseTo(-25, 12);
  expect(february).toMatchObject({ month: "2021-02", equity: 150 });
  expect(february!.returnPct).toBeCloseTo(66.666_666_67, 6);
  expect(february!.drawdownPct).toBeCloseTo(-50, 12);
});
