import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_DIR } from "../../samples.ts";
import { runScript } from "../run-script.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const carryover = (...args: string[]): ReturnType<typeof runScript> => runScript(join("cli", "carryover.ts"), args);

describe("the command carryover", () => {
  test.each([[[]], [["--help"]], [["-h"]]])("lists every script, given %p", async (args) => {
    const { code, stdout, stderr } = await carryover(...args);
    const listed = [...stdout.matchAll(/^ {2}([a-z-]+) /gm)].map(([, name]) => `${name}.ts`);
    const scripts = readdirSync(join(PROJECT_DIR, "scripts")).filter((name) => name.endsWith(".ts"));
    expect(listed.toSorted()).toEqual(scripts.toSorted());
    expect([code, stderr]).toEqual([0, ""]);
    expect(Math.max(...stdout.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(80);
  });

  test("has the version of its scripts", async () => {
    expect(await carryover("--version")).toEqual(await runScript("runs.ts", ["--version"]));
  });

  test("starts a script with the arguments after its name", async () => {
    expect(await carryover("runs", "show", "--help")).toEqual(await runScript("runs.ts", ["show", "--help"]));
    const { code, stderr } = await carryover("runs", "--yeer");
    expect([code, stderr]).toEqual([2, (await runScript("runs.ts", ["--yeer"])).stderr]);
  });

  test.each([
    ["run-chunk", 'did you mean "run-chunks"?'],
    ["backup.ts", 'did you mean "backup"?'],
    ["toString", "carryover --help lists them"],
  ])("refuses %p and says what is there", async (name, hint) => {
    expect(await carryover(name)).toEqual({
      code: 2,
      stdout: "",
      stderr: `error: unknown command "${name}"; ${hint}\n`,
    });
  });
});
