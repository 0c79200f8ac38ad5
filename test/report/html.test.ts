import { describe, expect, test } from "bun:test";
import { heatCell } from "../../lib/report/heat.ts";
import { escapeHtml, pictureHtml, proseHtml, tableHtml, tabsHtml } from "../../lib/report/html.ts";
import { liveJson } from "../../lib/report/live.ts";
import { logTicks, signedTick } from "../../lib/report/svg.ts";

describe("texts of others", () => {
  const evil = `</script><img src=x onerror="alert(1)">&'`;

  test("become text, also within quotes", () => {
    expect(escapeHtml(evil)).toBe("&lt;/script&gt;&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;'");
    for (const html of [
      tableHtml(evil, { heads: [evil], rows: [[evil, evil]] }),
      pictureHtml({ id: "a", title: evil, note: evil, legend: [{ name: evil, swatch: "on" }], body: "" }),
      tabsHtml("a", [
        { name: evil, html: "" },
        { name: "b", html: "" },
      ]),
    ]) {
      expect(html).not.toContain("<img");
    }
  });

  test("cannot end the element of the figures", () => {
    const buckets = { startMs: 0, widthMs: 1000, count: 1 };
    const chart = {
      id: "equity",
      unit: "money",
      height: 1,
      lines: [{ name: evil, color: "on", values: [1] }],
    } as const;
    const json = liveJson([chart], { buckets, borders: [], parts: [{ name: evil }] });
    expect(json).not.toContain("<");
    expect(JSON.parse(json).charts[0].lines[0].name).toBe(evil);
  });
});

test("a number and its percent sign stay on one line", () =>
  expect(proseHtml("a 95 % interval")).toBe("a 95\u00A0% interval"));

test("a table says how many rows it leaves out", () => {
  const rows = Array.from({ length: 1002 }, (_, i) => [String(i)]);
  const html = tableHtml("Trades", { heads: ["n"], rows });
  expect(html).toContain("Trades (the first 1000 of 1002 rows)");
  expect(html.match(/<tr>/g)).toHaveLength(1001);
});

test("heatCell() has three steps to each side of a middle one", () => {
  const fills = [-2, -1, -0.6, -0.3, 0, 0.1, 0.3, 0.6, 1].map((share) => heatCell(share).fill);
  const names = ["loss3", "loss3", "loss2", "loss1", "even", "even", "gain1", "gain2", "gain3"];
  expect(fills).toEqual(names.map((name) => `var(--${name})`));
});

describe("logTicks()", () => {
  test("is at equal distances on a short axis", () =>
    expect(logTicks([31_000, 61_000])).toEqual([40_000, 50_000, 60_000]));
  test("is at 1, 2 and 5 of each power of ten on a long one", () =>
    expect(logTicks([80, 900])).toEqual([100, 200, 500]));
});

test("signedTick() has as many decimals as a number needs", () => {
  expect([0.05, -0.1, 0, 2, 0.1 + 0.2].map(signedTick)).toEqual(["+0.05", "-0.1", "0", "+2", "+0.3"]);
});
