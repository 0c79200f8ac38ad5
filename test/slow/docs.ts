/** The examples of docs/RESULTS.md, those included that take minutes. */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cloneProject, examplesOf, printedBy } from "../../tools/write-docs.ts";
import { HAS_REAL_BARS, PROJECT_DIR, REAL_BARS_DIR } from "../samples.ts";

setDefaultTimeout(1_200_000);

const clone = cloneProject();
afterAll(clone.remove);
if (HAS_REAL_BARS) clone.addBars(REAL_BARS_DIR);

const examples = examplesOf(readFileSync(join(PROJECT_DIR, "docs/RESULTS.md"), "utf8"));
const named = examples.map((example) => ({ example, title: example.command.split("\n")[0]! }));
test.skipIf(!HAS_REAL_BARS).each(named)("$title", async ({ example }) => {
  const { code, stdout } = await clone.run(example.command);
  expect({ code, stdout }).toEqual({ code: 0, stdout: printedBy(example) ?? stdout });
});
