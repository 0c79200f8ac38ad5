import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { PROJECT_DIR } from "../samples.ts";
import { suiteTests } from "./suite.ts";

/** A test file and the files beside it that it imports, such as the storage contract. */
function sourceOf(file: string): string {
  const source = readFileSync(join(PROJECT_DIR, file), "utf8");
  const beside = [...source.matchAll(/from "(\.\/[^"]+)"/g)].map(([, name]) => join(PROJECT_DIR, dirname(file), name!));
  return [source, ...beside.map((path) => readFileSync(path, "utf8"))].join("\n");
}

test.each(suiteTests)("rows $rows: each file has a test of $name", ({ files, pattern }) => {
  expect(files.filter((file) => !new RegExp(pattern).test(sourceOf(file)))).toEqual([]);
});
