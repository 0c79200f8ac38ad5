import { expect, test } from "bun:test";
import { heatPictures, renderSweepPage } from "../../lib/report/sweep-page.ts";
import { resultOf } from "../sweep/sweep-samples.ts";

test("a square has the Sharpe ratio of its cells, their mean if there are several", () => {
  const cells = [0.1, 0.2].flatMap((rate) =>
    [2, 3].flatMap((stop) =>
      [1, 2].map((seed) => ({
        set: { "m.rate": rate, "r.stop": stop, seed },
        sharpe: rate * 10 + stop + (seed - 1.5),
      })),
    ),
  );
  const pictures = heatPictures(resultOf(cells));
  expect(pictures.map(({ title }) => title)).toEqual([
    "Sharpe ratio by m.rate and r.stop",
    "Sharpe ratio by m.rate and seed",
    "Sharpe ratio by r.stop and seed",
  ]);
  expect(pictures[0]!.table).toEqual({
    heads: ["r.stop", "0.1", "0.2"],
    rows: [
      ["2", "3.00", "4.00"],
      ["3", "4.00", "5.00"],
    ],
  });
  expect(pictures[0]!.note).toContain("above the default (1.00)");
  expect(pictures[0]!.note).toContain("it is the mean");
});

test("a sweep over one key has one row, numbers in order, and a cell that failed leaves its square empty", () => {
  const [picture, ...others] = heatPictures(
    resultOf([3, 1, 2].map((x) => ({ set: { x }, sharpe: x === 2 ? null : x }))),
  );
  expect(others).toEqual([]);
  expect(picture!.table).toEqual({ heads: ["", "1", "2", "3"], rows: [["Sharpe", "1.00", "-", "3.00"]] });
});

test("lists that begin alike are told apart, and providers have their names", () => {
  const long = (last: string): string[] => ["a very long name", "another", last];
  const named = [
    { name: "trend", type: "trend" },
    { name: "up", type: "trend" },
  ];
  const cells = [long("b"), long("c"), named].map((providers, i) => ({ set: { providers, x: i }, sharpe: i }));
  const { heads } = heatPictures(resultOf(cells))[0]!.table!;
  expect(heads).toEqual(["x", "a very long name …", "a very long name … (2)", "trend up"]);
});

test("texts of others stay text in the page", async () => {
  const html = await renderSweepPage(
    resultOf(['<img src="x">', "b"].map((value, i) => ({ set: { "a.<b>": value }, sharpe: i }))),
  );
  expect(html).not.toContain("<img");
  expect(html).not.toContain("<b>");
  expect(html).toContain("No cell is better than chance.");
  expect(html).toMatch(/default-src 'none'; style-src 'sha256-[\w+/=]+'/);
});
