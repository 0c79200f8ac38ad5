import { expect, test } from "bun:test";
import { join } from "node:path";
import { renderReport } from "../../../scripts/text/report.ts";

test("the first sentences of a report fit the screen, then comes its file", () => {
  const sentence = "No proof that memory helped or hurt: the account made -18.7% with memory, and +8.8% without it.";
  const text = renderReport({
    run_id: "a",
    file: "/a/b.html",
    size_bytes: 748_400,
    verdict: [sentence, "It bet worse."],
  });
  expect(text).toBe(
    "No proof that memory helped or hurt: the account made -18.7% with memory, and\n" +
      "+8.8% without it.\nIt bet worse.\nReport     /a/b.html (748.4 kB)\n",
  );
});

test("a report in the current folder is said to be there", () => {
  const text = renderReport({ run_id: "a", file: join(process.cwd(), "b.html"), size_bytes: 700, verdict: [] });
  expect(text).toEndWith("Report     b.html in the current folder (700 B)\n");
});
