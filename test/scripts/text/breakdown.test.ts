import { expect, test } from "bun:test";
import { trendArrow } from "../../../scripts/text/breakdown.ts";

const arrow = (slope_pct: number, standard_error_pct: number): string => trendArrow({ slope_pct, standard_error_pct });

test("a trend has an arrow only if the slope is larger than its standard error", () => {
  expect([arrow(3, 2), arrow(-3, 2), arrow(2, 2), arrow(1, 2)]).toEqual(["↑", "↓", "~", "~"]);
});

test("a trend has no arrow if the slope or its error is unknown", () => {
  expect([trendArrow(null), arrow(NaN, 1), arrow(1, NaN)]).toEqual(["~", "~", "~"]);
});
