import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { scripts } from "../../package.json";
import { PROJECT_DIR } from "../samples.ts";

test("bun run has a name for every command", () => {
  const files = readdirSync(join(PROJECT_DIR, "scripts")).filter((name) => name.endsWith(".ts"));
  const commands = Object.fromEntries(files.map((file) => [file.replace(/\.ts$/, ""), `bun scripts/${file}`]));
  expect(scripts).toMatchObject(commands);
});

test("bun run passes flags on, and the exit code back", async () => {
  const run = (args: readonly string[]): Promise<number> =>
    Bun.spawn([process.execPath, "run", ...args], { cwd: PROJECT_DIR, stdout: "ignore", stderr: "ignore" }).exited;
  expect(await run(["runs", "--help"])).toBe(0);
  expect(await run(["runs", "--nothing"])).toBe(2);
});
