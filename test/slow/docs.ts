/** The commands of all documents, in order, in one copy of the project: they print what the pages show. A sample has one that takes minutes. */
import { afterAll, beforeAll, describe, setDefaultTimeout } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cloneProject, examplesOf, firstRun, PAGES } from "../../tools/write-docs.ts";
import { testExample } from "../examples.ts";
import { HAS_REAL_BARS, PROJECT_DIR, REAL_BARS_DIR } from "../samples.ts";
import { sampleOf } from "./support/sample.ts";

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

// README begins with its installation and with the suite.
const examplesByPage = PAGES.map((page) => examplesOf(pageText(page)).slice(page === "README.md" ? 2 : 0));
const slow = examplesByPage.flat().filter(({ isSlow }) => isSlow);
const left = new Set(slow).difference(new Set(sampleOf(slow, 1)));

for (const [i, page] of PAGES.entries()) {
  const examples = examplesByPage[i]!.filter((example) => !left.has(example));
  describe(`the examples of ${page}`, () => examples.forEach((example) => testExample(clone, example)));
}
