/** The folder that init writes, run. `bun run test:slow` */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Summary } from "../../lib/mod.ts";
import { PROJECT_DIR } from "../samples.ts";
import { resultOf, runScript } from "../scripts/run-script.ts";

setDefaultTimeout(120_000);

const work = mkdtempSync(join(tmpdir(), "carryover-init-"));
/** Inside the project's folder, where paths are relative. */
const inProject = mkdtempSync(join(PROJECT_DIR, "data/memory-init-"));
afterAll(() => {
  rmSync(work, { recursive: true });
  rmSync(inProject, { recursive: true });
});

const FILES = ["config.yaml", "contrarian.ts", "provider.py", "tsconfig.json", "votes.csv"];
const WITHOUT_PYTHON = Bun.which("python3") === null ? " (skipped: python3 is missing)" : "";

/** What the compiler says of a folder. */
async function typeCheck(dir: string): Promise<string> {
  const tsc = join(PROJECT_DIR, "node_modules", ".bin", "tsc");
  return (await resultOf(Bun.spawn([process.execPath, tsc, "--project", dir], { stdout: "pipe", stderr: "pipe" })))
    .stdout;
}

describe("init", () => {
  test("its module type-checks with the tsconfig.json beside it, in the project's folder and elsewhere", async () => {
    for (const dir of [join(work, "typed"), join(inProject, "typed")]) {
      await runScript("init.ts", [dir]);
      expect(await typeCheck(dir)).toBe("");
      const path = join(dir, "contrarian.ts");
      writeFileSync(path, readFileSync(path, "utf8").replace("situation.rsi < low", "situation.rsj < low"));
      expect(await typeCheck(dir)).toContain("error TS2339: Property 'rsj' does not exist on type 'Situation'");
    }
  });

  test.skipIf(WITHOUT_PYTHON !== "")(
    `writes a folder that runs as it is, and in which every provider votes${WITHOUT_PYTHON}`,
    async () => {
      for (const dir of [join(work, "in its own/place"), join(inProject, "run")]) {
        const made = await runScript("init.ts", [dir]);
        expect(made).toMatchObject({ code: 0, stderr: "" });
        expect(readdirSync(dir).toSorted()).toEqual(FILES);
        const month = ["--set", "backtest.end=2021-02-01"];
        const run = await runScript("run-chunks.ts", ["--config", join(dir, "config.yaml"), "--json", ...month]);
        expect(run.code).toBe(0);
        expect(run.stderr).toContain("failed 0");
        const { providers } = JSON.parse(run.stdout) as Summary;
        const traded = Object.entries(providers).filter(([, { total_trades }]) => total_trades > 0);
        expect(traded.map(([name]) => name).toSorted()).toEqual(["analyst", "contrarian", "mine", "trend"]);
      }
    },
  );
});
