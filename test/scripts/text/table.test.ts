import { describe, expect, test } from "bun:test";
import { chunkTable, columns, table, words } from "../../../scripts/text/table.ts";

describe("table()", () => {
  test("aligns numbers right and words left, without spaces at the ends of lines", () => {
    const heads = [words("quarter"), ...columns("P&L"), words("note")];
    expect(
      table(heads, [
        ["2021Q1", "10.5", "ok"],
        ["Q2", "-1,200.0"],
      ]),
    ).toBe(
      ["quarter       P&L  note", "-------  --------  ----", "2021Q1       10.5  ok", "Q2       -1,200.0", ""].join(
        "\n",
      ),
    );
  });

  test("colours take no room", () => {
    const text = table(columns("a", "b"), [["\u001B[31m-1\u001B[0m", "↑2"]]);
    expect(text).toBe(" a   b\n--  --\n\u001B[31m-1\u001B[0m  ↑2\n");
  });
});

describe("chunkTable()", () => {
  const chunks = Array.from({ length: 14 }, (_, i) => `C${i + 10}`);

  /** A table of the last `count` chunks. */
  function tableOf(count: number, width: number): string {
    const shown = chunks.slice(chunks.length - count);
    const cells = shown.map((chunk) => `${chunk}..`);
    return chunkTable(shown, [{ name: "x", cells, last: ["all"] }], { corner: "name", last: ["sum"], width });
  }

  test("has a name, a column for each chunk, and others", () => {
    expect(tableOf(2, 99)).toBe(
      ["name    C22    C23  sum", "----  -----  -----  ---", "x     C22..  C23..  all", ""].join("\n"),
    );
  });

  test("shows the last chunks that a line has room for, twelve at most, and says how many there are", () => {
    expect(tableOf(4, 37)).toEndWith("x     C20..  C21..  C22..  C23..  all\n");
    expect(tableOf(4, 36)).toEndWith("x     C21..  C22..  C23..  all\nThe last 3 of 4 chunks; --json has all\n");
    const twelve = /^x     C12\.\..*  C23\.\.  all\nThe last 12 of 14 chunks; --json has all\n$/m;
    expect(tableOf(14, 199)).toMatch(twelve);
  });

  test("shows one chunk if there is room for none, and a table without chunks whole", () => {
    expect(tableOf(4, 1)).toEndWith("x     C23..  all\nThe last 1 of 4 chunks; --json has all\n");
    expect(tableOf(0, 1)).toBe("name  sum\n----  ---\nx     all\n");
  });
});
