/** The published package: built, packed and installed by npm into an empty folder, then used there on Bun, Deno, and each Node. */
import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_DIR } from "../samples.ts";
import { filesOf, resultOf, runScript, type ScriptResult } from "../scripts/run-script.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { ENGINES, type Engine, isThere, nodesInPath, runsTypeScript } from "./support/find-engines.ts";
import { sampleOf } from "./support/sample.ts";

setDefaultTimeout(300_000);

const PERIOD = ["--start", "2021-01-01", "--end", "2021-03-01", "--chunks", "month"];
/** What a plain install may take. */
const MAX_INSTALLED_BYTES = 20e6;

const [BUN, NODE, DENO] = ENGINES;
const NODES = nodesInPath();
const EVERY_ENGINE = [BUN, DENO, ...NODES];
/** Node 20 runs the package, and no module that is in TypeScript. */
const isModern = (engine: Engine): boolean => !NODES.includes(engine) || runsTypeScript(engine.command[0]);

const base = temporaryFolder("package");
const project = join(base, "project");
const modules = join(project, "node_modules");
const bin = join(modules, "carryover", "scripts", "cli", "carryover.js");
let fromSource: ReturnType<typeof filesOf> = {};

function start(command: readonly string[], cwd: string): Promise<ScriptResult> {
  return resultOf(Bun.spawn([...command], { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" }));
}

async function succeed(command: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await start(command, cwd);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${stderr}${stdout}`);
  return stdout;
}

/** The files of a folder and below, with their sizes and the times of their last writes. */
function stateOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => {
    const { size, mtimeMs } = statSync(join(folder, name));
    return `${name} ${size} ${mtimeMs}`;
  });
}

/** The size of all files in a folder and below. */
function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, entry) => sum + (entry.isFile() ? entry.size : 0), 0);
}

beforeAll(async () => {
  await succeed([process.execPath, "run", "build"], PROJECT_DIR);
  mkdirSync(project);
  await succeed(["npm", "pack", "--pack-destination", base], join(PROJECT_DIR, "dist"));
  writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }');
  const tarball = readdirSync(base).find((name) => name.endsWith(".tgz"))!;
  await succeed(["npm", "install", "--no-audit", "--no-fund", join(base, tarball)], project);
  plainBytes = bytesIn(modules);
  await runScript("run-chunks.ts", [...PERIOD, "--memory-dir", join(base, "source")]);
  fromSource = filesOf(join(base, "source"));
});

/** What is installed besides the package, on all engines: Node 20 has no SQLite. */
let plainBytes = 0;

test("a plain install takes at most 20 MB", () => {
  expect(plainBytes).toBeLessThanOrEqual(MAX_INSTALLED_BYTES);
});

test("the package has what runs and is imported, and neither tests nor sources", () => {
  const names = readdirSync(join(modules, "carryover"), { recursive: true, encoding: "utf8" });
  expect(names).toContain("config.yaml");
  expect(names).toContain("LICENSE");
  expect(names).toContain(join("data", "sample", "BTCUSD_1h.csv.gz"));
  expect(names.filter((name) => /^test|^(?:lib|scripts)\b.*(?<!\.d)\.ts$/.test(name))).toEqual([]);
});

test("its declarations have types, for a strict program without types of an engine", async () => {
  const program = join(project, "typed.ts");
  writeFileSync(
    program,
    `import { backtest, trend, type Provider } from "carryover";
     import { loadBars, diskStorage } from "carryover/node";
     const provider: Provider = trend();
     // @ts-expect-error -- an asset is a string
     await loadBars({ dataDir: "data", assets: [1], timeframe: "1h" });
     export const used: unknown[] = [backtest, diskStorage, provider];`,
  );
  const tsc = join(PROJECT_DIR, "node_modules", ".bin", "tsc");
  const flags = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--types", ""];
  expect(await start([process.execPath, tsc, ...flags, program], project)).toEqual({ code: 0, stdout: "", stderr: "" });
});

describe.each(sampleOf(EVERY_ENGINE, 2))("on $name", (engine) => {
  const command = (...args: string[]): string[] => [...engine.command, bin, ...args];

  test.skipIf(!isThere(engine) || isModern(engine))(
    "the lock of a memory folder needs a package, which is named",
    async () => {
      const folder = join(project, `${engine.name}-no-lock`);
      mkdirSync(folder);
      const { code, stderr } = await start(command("run-chunks", ...PERIOD), folder);
      expect([code, stderr]).toEqual([3, expect.stringContaining("has no SQLite")]);
      expect(stderr).toContain("npm install libsql");
      const { ready, checks } = JSON.parse((await start(command("doctor", "--json"), project)).stdout);
      expect([ready, checks.find(({ name }: { name: string }) => name === "lock").cure]).toEqual([
        false,
        "npm install libsql",
      ]);
      await succeed(["npm", "install", "--no-audit", "--no-fund", "libsql"], project);
    },
  );

  test.skipIf(!isThere(engine))("both entry points are imported by a program in JavaScript", async () => {
    const program = join(project, `${engine.name}-imports.mjs`);
    writeFileSync(
      program,
      `import { backtest, inMemoryStorage, openMemory, syntheticBars, trend } from "carryover";
       import { diskStorage } from "carryover/node";
       const bars = [syntheticBars({ asset: "GOLD", timeframe: "4h", seed: 1, end: "2024-02-01" })];
       const memory = await openMemory(inMemoryStorage());
       const { summary } = await backtest({ bars, memory, providers: [trend()], start: "2024-01-01", end: "2024-02-01" });
       console.log(typeof diskStorage, summary.total_trades > 0);`,
    );
    expect(await succeed([...engine.command, program], project)).toBe("function true\n");
  });

  test.skipIf(!isThere(engine))(
    "the main job remembers in the current folder, to the byte what source does",
    async () => {
      const folder = join(project, engine.name);
      mkdirSync(folder);
      const before = stateOf(modules);
      const { code, stderr } = await start(command("run-chunks", ...PERIOD), folder);
      expect([code, stderr]).toEqual([0, expect.not.stringMatching(/warning/i)]);
      expect(readdirSync(folder)).toEqual(["data"]);
      expect(filesOf(join(folder, "data", "memory"))).toEqual(fromSource);
      expect(stateOf(modules)).toEqual(before);
      await succeed(command("memory-stats", "--check"), folder);
    },
  );

  test.skipIf(!isThere(engine))("doctor finds the machine ready, and names what is left out", async () => {
    const { ready, checks } = JSON.parse(await succeed(command("doctor", "--json"), project)) as {
      ready: boolean;
      checks: { name: string; cure: string | null }[];
    };
    expect(ready).toBeTrue();
    const { peerDependencies } = JSON.parse(readFileSync(join(modules, "carryover", "package.json"), "utf8"));
    const added = checks.flatMap(({ cure }) => /^npm install (.*)/.exec(cure ?? "")?.[1]?.split(" ") ?? []);
    const optional = Object.keys(peerDependencies).filter((name) => name !== "libsql");
    expect(added.toSorted()).toEqual(optional.toSorted());
  });

  test.skipIf(!isThere(engine) || !isModern(engine))("a folder of one's own runs as it is", async () => {
    const folder = join(project, `${engine.name}-own`);
    mkdirSync(folder);
    expect(await succeed(command("init"), folder)).toContain("npx carryover run-chunks --config strategy/config.yaml");
    expect(readFileSync(join(folder, "strategy", "contrarian.ts"), "utf8")).toContain('from "carryover"');
    await succeed(command("run-chunks", "--config", "strategy/config.yaml"), folder);
    expect(readdirSync(join(folder, "strategy"))).toContain("memory");
  });

  test.skipIf(!isThere(engine))("a sweep starts its workers", async () => {
    const folder = join(project, `${engine.name}-sweep`);
    mkdirSync(folder);
    writeFileSync(
      join(folder, "rates.yaml"),
      'base: config.yaml\ngrid: { "portfolio_memory.learning_rate": [0.1, 0.2] }\n',
    );
    writeFileSync(
      join(folder, "config.yaml"),
      "backtest: { data_dir: synthetic, start: 2024-01-01, end: 2024-02-01 }\n",
    );
    const drawn = await start(command("sweep", "run", "rates.yaml", "--html", "page.html"), folder);
    expect([drawn.code, drawn.stderr]).toEqual([3, expect.stringContaining("npm install @observablehq/plot linkedom")]);
    expect(readdirSync(folder)).not.toContain("rates");
    const result: unknown = JSON.parse(await succeed(command("sweep", "run", "rates.yaml", "--json"), folder));
    expect(result).toMatchObject({ trials: 2, failed: [] });
  });

  test.skipIf(!isThere(engine) || !isModern(engine))("the example of the library prints what it says", async () => {
    const [, block = ""] = /```ts\n(.*?)\n \* ```/s.exec(readFileSync(join(PROJECT_DIR, "lib", "mod.ts"), "utf8"))!;
    const example = block.replaceAll(/^ \* ?/gm, "");
    const program = join(project, `${engine.name}-example.ts`);
    writeFileSync(program, `import "carryover/node";\n${example}`);
    const said = [...example.matchAll(/^\/\/ (.*)$/gm)].map(([, line]) => `${line}\n`).join("");
    expect(await succeed([...engine.command, program], project)).toBe(said);
  });

  test.skipIf(!isThere(engine))("a language model says at once which packages to add", async () => {
    const program = join(project, `${engine.name}-model.mjs`);
    writeFileSync(
      program,
      `import { llmProvider, openRecording } from "carryover/node";
       const model = { name: "llama", model: "llama3.2", base_url: "http://localhost:1/v1" };
       const provider = llmProvider(model, openRecording({ answersDir: "answers" }));
       console.log(await provider.catch(({ code, message }) => code + message));
       console.log((await llmProvider(model, openRecording({ answersDir: "answers", mode: "offline" }))).name);`,
    );
    const [refused, offline] = (await succeed([...engine.command, program], project)).split("\n");
    expect(refused).toMatch(/^NOT_FOUND.*npm install ai @ai-sdk\/openai-compatible/);
    expect(offline).toBe("llama");
  });

  test.skipIf(!isThere(engine)).each([
    [["report"], "npm install @observablehq/plot linkedom uplot"],
    [["export", "decisions", "--format", "parquet"], "npm install hyparquet-writer"],
    [
      ["fetch-bars", "--exchange", "binance", "--assets", "BTC/USDT", "--start", "2024-01-01", "--data-dir", "bars"],
      "npm install ccxt",
    ],
  ])("%p says which package to add", async (args, hint) => {
    const { code, stderr } = await start(command(...args), join(project, engine.name));
    expect([code, stderr]).toEqual([3, expect.stringContaining(hint)]);
  });
});

test("a build that is not below node_modules remembers in the current folder, too", async () => {
  const folder = join(base, "elsewhere");
  mkdirSync(folder);
  const built = join(PROJECT_DIR, "dist", "scripts", "cli", "carryover.js");
  await succeed([process.execPath, built, "run-chunks", ...PERIOD], folder);
  expect(filesOf(join(folder, "data", "memory"))).toEqual(fromSource);
});

test.skipIf(!isThere(DENO))(
  "the library is ready for JSR: deno finds no slow types, and the version is that of the package",
  async () => {
    const { version } = JSON.parse(readFileSync(join(PROJECT_DIR, "deno.json"), "utf8")) as { version: string };
    expect(version).toBe(
      (JSON.parse(readFileSync(join(PROJECT_DIR, "package.json"), "utf8")) as { version: string }).version,
    );
    const { code, stderr } = await start(["deno", "publish", "--dry-run", "--allow-dirty"], PROJECT_DIR);
    expect([code, stderr]).toEqual([0, expect.stringContaining("Dry run complete")]);
  },
);

test.skipIf(!isThere(NODE))("npx finds the command, whose texts name it", async () => {
  const help = await succeed(["npx", "--no-install", "carryover", "run-chunks", "--help"], project);
  expect(help).toContain("npx carryover run-chunks [--year Y");
  expect(help).not.toContain("bun scripts/");
});
