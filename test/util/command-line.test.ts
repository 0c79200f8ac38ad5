import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { projectCommand, scriptCommand, shownPath } from "../../lib/util/command-line.node.ts";
import { PROJECT_DIR } from "../samples.ts";

const before = process.cwd();
afterAll(() => process.chdir(before));

test("shownPath() is relative inside the current folder, and absolute elsewhere and in the root", () => {
  process.chdir(PROJECT_DIR);
  expect(shownPath(join(PROJECT_DIR, "data", "memory"))).toBe(join("data", "memory"));
  expect(shownPath(PROJECT_DIR)).toBe(".");
  process.chdir(import.meta.dir);
  expect(shownPath(PROJECT_DIR)).toBe(PROJECT_DIR);
  process.chdir("/");
  expect([shownPath("/tmp/a"), shownPath("/")]).toEqual(["/tmp/a", "/"]);
});

test("scriptCommand() and projectCommand() work in the current folder", () => {
  process.chdir(PROJECT_DIR);
  expect([scriptCommand("doctor"), projectCommand("bun install")]).toEqual(["bun scripts/doctor.ts", "bun install"]);
  process.chdir("/");
  expect(scriptCommand("doctor")).toBe(`bun ${PROJECT_DIR}/scripts/doctor.ts`);
  expect(projectCommand("bun install")).toBe(`cd ${PROJECT_DIR} && bun install`);
});
