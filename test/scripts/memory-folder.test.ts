import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FFE_OUTCOME } from "../import/import-samples.ts";
import { PROJECT_DIR } from "../samples.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { hostScripts } from "./hosted-script.ts";
import { filesOf } from "./run-script.ts";

const runScript = hostScripts();

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const base = temporaryFolder("foreign");
/** An outcome of another system. */
const FOREIGN_OUTCOME = join(base, "outcome_trade-001.json");
writeFileSync(FOREIGN_OUTCOME, JSON.stringify(FFE_OUTCOME));

const COMMANDS: readonly (readonly string[])[] = [
  ["run-chunks.ts", "--start", "2024-01-01", "--end", "2024-01-03"],
  ["run-chunks.ts", "--start", "2024-01-01", "--end", "2024-01-03", "--no-memory"],
  ["compare-memory.ts", "--start", "2024-01-01", "--end", "2024-01-03"],
  ["check-lookahead.ts", "--start", "2024-01-01", "--end", "2024-01-03"],
  ["memory-stats.ts"],
  ["memory-stats.ts", "--check"],
  ["memory-stats.ts", "--repair"],
  ["recall.ts", "falling fast"],
  ["reset-providers.ts"],
  ["reset-providers.ts", "--forget", "--dry-run"],
  ["rebuild-vectors.ts"],
  ["backup.ts", "create"],
  ["memory-stats.ts", "--watch", "1"],
  ["report.ts"],
  ["runs.ts", "list"],
  ["runs.ts", "show", "latest"],
  ["runs.ts", "label", "latest", "mine"],
  ["runs.ts", "remove", "latest", "--yes"],
  ["export.ts", "trades"],
  ["serve.ts", "--stdio"],
  ["import-outcomes.ts", FOREIGN_OUTCOME],
];

test("every script that takes a memory folder is tried below", () => {
  // The page has what --help prints: test/readme.test.ts.
  const helps = readFileSync(join(PROJECT_DIR, "docs/CLI.md"), "utf8").matchAll(
    /^## ([\w-]+)\n\n```text\n(.*?)^```$/gms,
  );
  const taking = [...helps].flatMap(([, name, help]) => (help!.includes("--memory-dir") ? [`${name}.ts`] : []));
  expect(taking.length).toBeGreaterThan(10);
  // merge-memory takes folders of its own, fetch-model keeps a model beside the memory, and doctor says what it finds.
  const tried = [...COMMANDS.map(([script]) => script), "merge-memory.ts", "fetch-model.ts", "doctor.ts"];
  expect(taking.filter((script) => !tried.includes(script))).toEqual([]);
});

test("merge-memory.ts refuses a folder of somebody else's with 2, and makes none", async () => {
  const work = join(base, crypto.randomUUID());
  mkdirSync(join(work, "mine"), { recursive: true });
  writeFileSync(join(work, "mine", "thesis.txt"), "mine");
  const { code, stderr } = await runScript("merge-memory.ts", ["mine", "--to", "merged"], { cwd: work });
  expect(code).toBe(2);
  expect(stderr).toStartWith(
    'error: Cannot use "mine" as a memory folder: found "thesis.txt", and nothing of a memory',
  );
  expect(filesOf(work)).toEqual({ [join("mine", "thesis.txt")]: "mine" });
});

test.each(["run-chunks.ts", "memory-stats.ts", "recall.ts", "runs.ts", "export.ts", "rebuild-vectors.ts"])(
  "%s refuses a file as a folder with 2",
  async (script) => {
    const [, ...args] = COMMANDS.find(([name]) => name === script)!;
    const { code, stdout, stderr } = await runScript(script, [...args, "--memory-dir", FOREIGN_OUTCOME]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toBe(
      `error: Cannot use "${FOREIGN_OUTCOME}" as a folder: found a file, expected a folder, or a free name\n`,
    );
  },
);

test.each(COMMANDS.map((command) => [command.join(" "), command]))(
  "%s refuses a folder of somebody else's with 2, and nothing in it changes",
  async (_name, [script = "", ...args]) => {
    const folder = join(base, crypto.randomUUID(), "mine");
    const temporary = `.tmp-${crypto.randomUUID()}`;
    mkdirSync(join(folder, "project"), { recursive: true });
    for (const name of ["outcome_x.json", "thesis.txt", temporary, `project/${temporary}`]) {
      writeFileSync(join(folder, name), '{"mine": true}');
    }
    const before = filesOf(join(folder, ".."));
    const { code, stdout, stderr } = await runScript(script, [...args, "--memory-dir", folder]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toBe(
      `error: Cannot use "${folder}" as a memory folder: found "outcome_x.json", "thesis.txt", "project/", and nothing of ` +
        "a memory, expected an empty folder, or one that a run has written: name another with --memory-dir, or memory.dir\n",
    );
    expect(filesOf(join(folder, ".."))).toEqual(before);
  },
);
