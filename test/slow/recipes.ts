/**
 * The recipes of docs/ENGINES.md, run against the real packages of PyPI, and the client on the oldest and the newest Python here.
 *
 * Packages are installed once, each into an environment of its own below `CARRYOVER_RECIPE_ENVS`, by default below node_modules/.cache.
 * What cannot be installed is skipped by name.
 */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";

import { PROJECT_DIR, seeded } from "../samples.ts";
import { runScript } from "../scripts/run-script.ts";

setDefaultTimeout(600_000);

const ENVS = process.env["CARRYOVER_RECIPE_ENVS"] ?? join(PROJECT_DIR, "node_modules", ".cache", "carryover-recipes");
const work = mkdtempSync(join(tmpdir(), "carryover-recipes-"));
afterAll(() => rmSync(work, { recursive: true }));

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(
  command: readonly string[],
  options: { env?: Record<string, string>; input?: string } = {},
): Promise<Result> {
  const { env, input } = options;
  const child = Bun.spawn([...command], {
    cwd: PROJECT_DIR,
    env: { ...process.env, PYTHONWARNINGS: "ignore", ...env },
    stdin: input === undefined ? "ignore" : new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, stdout, stderr };
}

/** A Python with a package of PyPI; `undefined` where it cannot be installed. */
async function pythonWith(name: string, version: string): Promise<string | undefined> {
  const folder = join(ENVS, `${name}-${version}`);
  const python = join(folder, "bin", "python");
  if (existsSync(python)) return python;
  if (Bun.which("python3") === null) return undefined;
  mkdirSync(ENVS, { recursive: true });
  const made = await run(["python3", "-m", "venv", folder]);
  const installed = made.code === 0 ? await run([python, "-m", "pip", "install", "-q", `${name}==${version}`]) : made;
  if (installed.code === 0) return python;
  rmSync(folder, { recursive: true, force: true });
  return undefined;
}

/** The Pythons of this machine from 3.9 on, oldest first. */
async function pythons(): Promise<readonly string[]> {
  const versions = join(process.env["PYENV_ROOT"] ?? join(homedir(), ".pyenv"), "versions");
  const own = existsSync(versions)
    ? readdirSync(versions).map((version) => join(versions, version, "bin", "python3"))
    : [];
  const named = Array.from({ length: 12 }, (_, i) => `python3.${i + 9}`);
  const found = new Map<number, string>();
  for (const python of [...named, ...own]) {
    if (!existsSync(python) && Bun.which(python) === null) continue;
    const { code, stdout } = await run([python, "-c", "import sys; print(*sys.version_info[:2])"]);
    const [major, minor] = stdout.trim().split(" ").map(Number);
    if (code === 0 && major === 3 && minor! >= 9 && !found.has(minor!)) found.set(minor!, python);
  }
  return [...found].toSorted(([a], [b]) => a - b).map(([, python]) => python);
}

/** What docs/ENGINES.md shows in the block that begins with a line. */
function shownInDocs(start: string): string {
  const blocks = readFileSync(join(PROJECT_DIR, "docs", "ENGINES.md"), "utf8")
    .split("```text\n")
    .slice(1);
  return blocks.find((block) => block.startsWith(start))?.split("```")[0] ?? `no block begins with ${start}`;
}

async function expectIntact(memoryDir: string): Promise<void> {
  const { code, stdout } = await runScript("memory-stats.ts", ["--check", "--memory-dir", memoryDir]);
  expect(stdout).toContain("Everything is intact");
  expect(code).toBe(0);
}

const found = await pythons();
const ends = [...new Set([found.at(0), found.at(-1)])].filter((python) => python !== undefined);

describe("the Python client", () => {
  test.skipIf(ends.length === 0)("passes its tests on the oldest and the newest Python here", async () => {
    for (const python of ends) {
      const { code, stderr } = await run([python, "-m", "unittest", "discover", "-s", "python"]);
      expect({ python, code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining("OK") });
    }
  });
});

const backtesting = await pythonWith("backtesting", "0.6.6");

test.skipIf(backtesting === undefined)("backtesting.py: memory off and on, as docs/ENGINES.md shows it", async () => {
  const memoryDir = join(work, "backtesting");
  const { code, stdout } = await run([backtesting!, "examples/python/backtesting_py.py", memoryDir]);
  expect(code).toBe(0);
  expect(stdout).toBe(shownInDocs("memory off  201 trades of"));
  await expectIntact(memoryDir);
  const runs = await runScript("runs.ts", ["list", "--memory-dir", memoryDir, "--json"]);
  const [on, off] = JSON.parse(runs.stdout).runs;
  // backtesting.py's own figures are in the first two lines.
  const lines = stdout.split("\n");
  for (const [i, { total_trades: trades, total_return_pct: percent }] of [off, on].entries()) {
    expect(lines[i]).toContain(`${trades} trades of`);
    expect(lines[i]).toContain(`return ${percent.toFixed(1)} %`);
  }
  const compared = await runScript("runs.ts", ["compare", "latest", off.run_id, "--memory-dir", memoryDir]);
  expect(compared.stdout).toEndWith(shownInDocs("No difference that this much data"));
});

test.skipIf(backtesting === undefined)(
  "the loop over bars of pandas in docs/ENGINES.md decides when a bar has ended",
  async () => {
    const memoryDir = join(work, "loop");
    const [, loop] = /```python\n(.*?)```/s.exec(readFileSync(join(PROJECT_DIR, "docs", "ENGINES.md"), "utf8"))!;
    const program = loop!.replace('"data/memory-loop"', JSON.stringify(memoryDir));
    const { code, stderr } = await run([backtesting!, "-c", program], { env: { PYTHONPATH: "python" } });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { stdout } = await runScript("export.ts", [
      "trades",
      "latest",
      "--memory-dir",
      memoryDir,
      "--format",
      "ndjson",
    ]);
    const trades = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    // The 51st bar of the year starts on 3 January at 2:00, and each 24th after it at the same hour.
    expect(trades).toHaveLength(81);
    expect(trades[0]).toMatchObject({
      decision_timestamp: "2021-01-03T03:00:00.000Z",
      exit_timestamp: "2021-01-04T03:00:00.000Z",
    });
    await expectIntact(memoryDir);
  },
);

const freqtrade = await pythonWith("freqtrade", "2026.9");

test.skipIf(freqtrade === undefined)(
  "freqtrade: its own backtest with memory off and on, as docs/ENGINES.md shows it",
  async () => {
    const strategies = join(work, "strategies");
    mkdirSync(strategies);
    cpSync(join(PROJECT_DIR, "examples/python/carryover_freqtrade.py"), join(strategies, "carryover_freqtrade.py"));
    const bars = join(work, "btc.csv");
    writeFileSync(bars, Bun.gunzipSync(readFileSync(join(PROJECT_DIR, "data/sample/BTCUSD_1h.csv.gz"))));
    const lines: string[] = [];
    for (const enabled of ["false", "true"]) {
      const folder = join(work, `freqtrade-${enabled}`);
      const driver = join(PROJECT_DIR, "test/slow/recipes/freqtrade_backtest.py");
      const { code, stdout, stderr } = await run([freqtrade!, driver, strategies, bars, folder, enabled], {
        env: { PYTHONPATH: join(PROJECT_DIR, "python") },
      });
      expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
      const { trades, weights, outcomes } = JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
      expect(outcomes).toBe(trades.length);
      const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
      const stake = mean(trades.map((trade: [string, number]) => trade[1]));
      const profit = trades.reduce((sum: number, trade: [string, number, number]) => sum + trade[2], 0);
      const shares = Object.entries<number>(weights).map(([name, weight]) => `${name} ${weight.toFixed(2)}`);
      lines.push(
        `memory ${enabled === "true" ? "on " : "off"}  ${trades.length} trades of ${stake.toFixed(0)} USDT, ` +
          `profit ${profit.toFixed(0)} USDT, weights ${shares.join(", ")}\n`,
      );
      await expectIntact(join(folder, "memory"));
    }
    expect(lines.join("")).toBe(shownInDocs("memory off  117 trades of"));
  },
);

const mcp = await pythonWith("mcp", "2.3.0");

test.skipIf(mcp === undefined)(
  "an agent over MCP lists the tools, records and recalls, as docs/ENGINES.md shows it",
  async () => {
    const memoryDir = join(work, "mcp");
    const { code, stdout, stderr } = await run([mcp!, "examples/python/mcp_agent.py", memoryDir]);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(shownInDocs("tools: "));
    await expectIntact(memoryDir);
  },
);

/** Signals of forty days: the trend is right in seven of ten, the news is a coin. */
function signals(): string {
  const random = seeded(7);
  const lines = Array.from({ length: 40 }, (_, i) => {
    const day = new Date(Date.UTC(2021, 0, 1 + i)).toISOString().slice(0, 10);
    const isUp = random() < 0.5;
    const entry = 30_000 + Math.floor(random() * 1000);
    const exit = entry + (isUp ? 1 : -1) * (200 + Math.floor(random() * 500));
    const trend = random() < 0.7 === isUp ? "BUY" : "SELL";
    const news = random() < 0.5 ? "BUY" : "SELL";
    return `${day}T00:00:00Z ${day}T12:00:00Z ${entry} ${exit} ${trend} ${news}\n`;
  });
  return lines.join("");
}

const TOOLS = ["curl", "jq", "sh"].every((tool) => Bun.which(tool) !== null);

test.skipIf(!TOOLS)("a live bot of curl: memory off and on, and what it says to a wrong token", async () => {
  const memoryDir = join(work, "bot");
  const server = Bun.spawn([process.execPath, "scripts/serve.ts", "--http", "127.0.0.1:0", "--memory-dir", memoryDir], {
    cwd: PROJECT_DIR,
    env: { ...process.env, CARRYOVER_TOKEN: "a-token-of-tests" },
    stdout: "pipe",
  });
  try {
    const { value } = await server.stdout.getReader().read();
    const url = /http:\/\/\S+/.exec(new TextDecoder().decode(value))![0];
    const bot = (token: string, enabled: string): Promise<Result> =>
      run(["sh", "examples/live-bot.sh", enabled], {
        env: { CARRYOVER_URL: url, CARRYOVER_TOKEN: token },
        input: signals(),
      });
    const refused = await bot("guess", "true");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("Unauthorized");
    const [off, on] = [await bot("a-token-of-tests", "false"), await bot("a-token-of-tests", "true")];
    expect([off.code, on.code]).toEqual([0, 0]);
    const weightsOf = ({ stdout }: Result): Record<string, number> => JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
    expect(weightsOf(off)).toEqual({ trend: 0.5, news: 0.5 });
    expect(weightsOf(on)["trend"]).toBeGreaterThan(0.5);
  } finally {
    server.kill();
    await server.exited;
  }
  await expectIntact(memoryDir);
});
