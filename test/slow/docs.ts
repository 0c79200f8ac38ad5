/** The commands of all documents, in order, in one copy of the project: they print what the pages show. */
import { afterAll, beforeAll, describe, setDefaultTimeout } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cloneProject, examplesOf, firstRun, PAGES } from "../../tools/write-docs.ts";
import { testExample } from "../examples.ts";
import { HAS_REAL_BARS, PROJECT_DIR, REAL_BARS_DIR } from "../samples.ts";

setDefaultTimeout(1_200_000);

const clone = cloneProject();
afterAll(clone.remove);
beforeAll(async () => {
  await clone.run(firstRun(pageText("README.md")).command);
  if (HAS_REAL_BARS) clone.addBars(REAL_BARS_DIR);
});

function pageText(name: string): string {
  return readFileSync(join(PROJECT_DIR, name), "utf8");
}

for (const page of PAGES) {
  // README begins with its installation and with the suite.
  const examples = examplesOf(pageText(page)).slice(page === "README.md" ? 2 : 0);
  describe(`the examples of ${page}`, () => examples.forEach((example) => testExample(clone, example)));
}
