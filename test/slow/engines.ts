/** The scripts on Bun, Node and Deno: the same files, also where one engine is stopped and another goes on. */
import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expectFirstExample } from "../first-example.ts";
import { PROJECT_DIR } from "../samples.ts";
import { filesOf, resultOf } from "../scripts/run-script.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { type Engine, ENGINES, isThere } from "./support/find-engines.ts";
import { sampleOf } from "./support/sample.ts";

setDefaultTimeout(120_000);

const base = temporaryFolder("engines");
const PERIOD = ["--start", "2021-01-01", "--end", "2021-07-01", "--chunks", "month"];

function start(engine: Engine, script: string, args: readonly string[]): Bun.Subprocess<"ignore", "pipe", "pipe"> {
  return Bun.spawn([...engine.command, join(PROJECT_DIR, "scripts", script), ...args], {
    cwd: PROJECT_DIR,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

async function run(engine: Engine, script: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await resultOf(start(engine, script, args));
  if (code !== 0) throw new Error(`${engine.name} ended ${script} with ${code}: ${stderr}`);
  return stdout;
}

/** Waits until a run has stored some outcomes. */
async function outcomesIn(folder: string, count: number): Promise<void> {
  const stored = (): number =>
    existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith("outcome_")).length : 0;
  while (stored() < count) await Bun.sleep(2);
}

const onBun = join(base, "Bun");
let files: ReturnType<typeof filesOf> = {};

beforeAll(async () => {
  await run(ENGINES[0], "run-chunks.ts", [...PERIOD, "--memory-dir", onBun]);
  files = filesOf(onBun);
});

describe.each(sampleOf([ENGINES[1], ENGINES[2]], 1))("on $name", (engine) => {
  const other = ENGINES.find((each) => each !== engine && each.name !== "Bun")!;
  const folder = join(base, engine.name);

  test.skipIf(!isThere(engine))("half a year makes the files that Bun makes, to the byte", async () => {
    await run(engine, "run-chunks.ts", [...PERIOD, "--memory-dir", folder]);
    expect(filesOf(folder)).toEqual(files);
  });

  test.skipIf(!isThere(engine)).each([
    ["memory-stats.ts", ["--check"]],
    ["recall.ts", ["falling fast", "--k", "3"]],
    ["export.ts", ["trades"]],
    ["export.ts", ["decisions", "--format", "parquet"]],
    ["compare-memory.ts", ["--start", "2021-01-01", "--end", "2021-02-01", "--json"]],
    ["check-lookahead.ts", ["--start", "2021-01-01", "--end", "2021-01-15", "--json"]],
  ])("%s %p prints what it prints on Bun", async (script, args) => {
    const all = [...args, "--memory-dir", onBun];
    expect(await run(engine, script, all)).toBe(await run(ENGINES[0], script, all));
  });

  test.skipIf(!isThere(engine) || !isThere(other))(
    `a run that is killed, then stopped by Ctrl-C on ${other.name}, and ended on Bun is the run that was never stopped`,
    async () => {
      const memory = join(base, `${engine.name}-killed`);
      const args = [...PERIOD, "--memory-dir", memory];
      const first = start(engine, "run-chunks.ts", args);
      await outcomesIn(memory, 10);
      first.kill("SIGKILL");
      await first.exited;
      const second = start(other, "run-chunks.ts", args);
      await outcomesIn(memory, 60);
      second.kill("SIGINT");
      expect(await second.exited).toBe(130);
      await run(ENGINES[0], "run-chunks.ts", args);
      expect(filesOf(memory)).toEqual(files);
    },
  );
});

for (const [engine, ...stdin] of [
  [ENGINES[1], "--input-type=module-typescript", "-"],
  // Without permissions.
  [ENGINES[2], "run", "--no-prompt", "-"],
] as const) {
  test.skipIf(!isThere(engine))(
    `the first example of the library prints under ${engine.name} what its comments say`,
    () => expectFirstExample([engine.command[0], ...stdin]),
  );
}

describe.each([
  { name: "portable.ts", permissions: "no permissions", deno: "--no-prompt", minChecks: 11 },
  { name: "portable.node.ts", permissions: "all permissions", deno: "-A", minChecks: 7 },
])("test/$name", ({ name, permissions, deno, minChecks }) => {
  const check = async ({ command }: Engine): Promise<{ checks: string; digest: string }> => {
    const words = command.map((word) => (word === "-A" ? deno : word));
    const { stdout } = await resultOf(
      Bun.spawn([...words, join(PROJECT_DIR, "test", name)], { stdin: "ignore", stdout: "pipe", stderr: "pipe" }),
    );
    const [, checks, digest] = /^portable: (\d+) checks passed on \w+, all files ([0-9a-f]{64})\n$/.exec(stdout) ?? [];
    expect(checks, stdout).toBeDefined();
    return { checks: checks!, digest: digest! };
  };
  const here = check(ENGINES[0]);

  test("passes under Bun", async () => {
    expect(Number((await here).checks)).toBeGreaterThanOrEqual(minChecks);
  });

  for (const engine of ENGINES.slice(1)) {
    const title = engine.name === "Deno" ? `Deno with ${permissions}` : engine.name;
    test.skipIf(!isThere(engine))(`writes the same bytes under ${title}`, async () => {
      expect(await check(engine)).toEqual(await here);
    });
  }
});
