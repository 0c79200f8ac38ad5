/** Row 35: a reader watches a folder while every command writes to it. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MemoryReport } from "../../lib/maintenance/memory-report.ts";
import { PROJECT_DIR } from "../samples.ts";
import type { Fault } from "./fault.ts";

const ROUNDS = 4;

function script(name: string, args: readonly string[], cwd: string): Bun.Subprocess<"ignore", "pipe", "pipe"> {
  return Bun.spawn([process.execPath, join(PROJECT_DIR, "scripts", name), ...args], {
    cwd,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

async function runToEnd(name: string, args: readonly string[], cwd: string): Promise<void> {
  const child = script(name, args, cwd);
  const [stderr] = await Promise.all([new Response(child.stderr).text(), new Response(child.stdout).text()]);
  if ((await child.exited) !== 0) throw new Error(`${name} ended with ${child.exitCode}: ${stderr}`);
}

const sumOf = (parts: MemoryReport["assets"]): number =>
  Object.values(parts).reduce((sum, part) => sum + part.total_trades, 0);

/** Returns what is wrong with a report that was read after `before`. */
function wrongWith(report: MemoryReport, before: MemoryReport | undefined): string | undefined {
  const { outcomes, vectors, distinct_trades: trades, runs, snapshots } = report;
  if (report.damaged.length > 0) return `damage where there is none: ${JSON.stringify(report.damaged)}`;
  if (vectors.rows + vectors.behind !== outcomes.count) return "vectors and outcomes that do not add up";
  if (sumOf(report.assets) !== trades || sumOf(report.regimes) !== trades) return "trades that do not add up";
  if (before === undefined) return undefined;
  const grew = outcomes.count >= before.outcomes.count && runs >= before.runs;
  return grew && snapshots.count >= before.snapshots.count ? undefined : "less than before";
}

async function inject(): ReturnType<Fault["inject"]> {
  const root = mkdtempSync(join(tmpdir(), "carryover-watched-"));
  // As the runs below name it.
  const memoryDir = join(root, "synthetic");
  mkdirSync(memoryDir);
  const flags = ["--memory-dir", memoryDir];
  const watcher = script("memory-stats.ts", [...flags, "--watch", "0.01", "--json"], memoryDir);
  try {
    let looks = 0;
    let states = 0;
    let last: MemoryReport | undefined;
    const watching = (async () => {
      let text = "";
      for await (const bytes of watcher.stdout.pipeThrough(new TextDecoderStream())) {
        const lines = (text + bytes).split("\n");
        text = lines.pop() ?? "";
        for (const line of lines) {
          const report = JSON.parse(line) as MemoryReport;
          const wrong = wrongWith(report, last);
          if (wrong !== undefined) throw new Error(`a reader saw ${wrong}: ${line.slice(0, 500)}`);
          looks += 1;
          if (report.outcomes.count !== last?.outcomes.count) states += 1;
          last = report;
        }
      }
    })();
    const stderr = new Response(watcher.stderr).text();
    const writing = (async () => {
      for (let round = 1; round <= ROUNDS; round++) {
        const period = ["--start", "2021-01-01", "--end", "2021-03-01", "--chunks", "week"];
        const run = ["--synthetic", "--memory-dir", root, ...period, "--seed", String(round)];
        await runToEnd("run-chunks.ts", run, memoryDir);
        await runToEnd("backup.ts", [...flags, "create"], memoryDir);
        await runToEnd("reset-providers.ts", flags, memoryDir);
        await runToEnd("reset-providers.ts", [...flags, "--provider", "trend", "--forget"], memoryDir);
        await runToEnd("rebuild-vectors.ts", [...flags, "--all"], memoryDir);
        await runToEnd("memory-stats.ts", [...flags, "--check"], memoryDir);
      }
    })();
    // If the reader fails, watching ends before writing.
    await Promise.race([writing, watching]);
    await writing;
    watcher.kill("SIGINT");
    await watching;
    if ((await watcher.exited) !== 130) throw new Error(`the reader ended with ${watcher.exitCode}: ${await stderr}`);
    if (states < 20) throw new Error(`the reader saw only ${states} states`);
    return {
      injected: looks,
      found: `${states} states with up to ${last?.outcomes.count ?? 0} outcomes, each whole, none smaller than the one before, nothing on stderr`,
    };
  } finally {
    watcher.kill("SIGKILL");
    rmSync(root, { recursive: true, force: true });
  }
}

export const watch: readonly Fault[] = [
  {
    rows: [35],
    name: "memory-stats --watch beside run, backup, reset, rebuild and check",
    how: "reports of `memory-stats --watch` beside writers",
    missing: () => undefined,
    inject,
  },
];
