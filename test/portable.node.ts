/**
 * Runs `carryover/node` where there is no test runner: `bun test/portable.node.ts`, `node test/portable.node.ts`,
 * `deno run -A test/portable.node.ts`. All must print the same digest of all files that the runs of a configuration have written.
 */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  commandProvider,
  createBackup,
  loadBars,
  loadConfig,
  openMemoryFolder,
  openRecording,
  restoreBackup,
  runConfig,
  verifyBackup,
} from "../lib/mod.node.ts";
import { backtest, type Summary, syntheticBars, trend } from "../lib/mod.ts";

let checks = 0;
function check(what: string, isTrue: boolean): void {
  if (!isTrue) throw new Error(`not so: ${what}`);
  checks += 1;
}

/** SHA-256 of all files in and below a folder, by name. */
function digestOf(folder: string): string {
  const hash = createHash("sha256");
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith(".lock"))
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();
  for (const name of names) hash.update(`${name}\0`).update(readFileSync(join(folder, name)));
  return hash.digest("hex");
}

const work = mkdtempSync(join(tmpdir(), "carryover-portable-"));
try {
  // A run of a program of the user's: bars from files, a program that votes, a memory on disk.
  const dataDir = join(work, "bars");
  mkdirSync(dataDir);
  const { bars } = syntheticBars({ asset: "GOLD", timeframe: "4h", seed: 1, end: "2018-04-01" });
  const rows = bars.map((bar) => `${bar.timestamp},${bar.open},${bar.high},${bar.low},${bar.close}`);
  writeFileSync(join(dataDir, "GOLD_4h.csv"), `timestamp,open,high,low,close\n${rows.join("\n")}\n`);
  const program = join(work, "program.mjs");
  writeFileSync(
    program,
    `import { createInterface } from "node:readline";
     for await (const line of createInterface({ input: process.stdin })) {
       const { id, situation } = JSON.parse(line);
       console.log(JSON.stringify({ id, action: situation.rsi < 50 ? "BUY" : "SELL", confidence: 60 }));
     }`,
  );
  const run = async (): Promise<{ chunks: number; trades: number; asked: number }> => {
    const recording = openRecording({ answersDir: join(work, "answers") });
    const { memory, close } = await openMemoryFolder(join(work, "memory"));
    try {
      const { summary, chunksRun } = await backtest({
        bars: await loadBars({ dataDir, assets: ["GOLD"], timeframe: "4h" }),
        providers: [trend(), await commandProvider({ name: "mine", command: [process.execPath, program] }, recording)],
        memory,
        start: "2018-02-01",
        end: "2018-04-01",
        chunks: "month",
      });
      return { chunks: chunksRun.length, trades: summary.total_trades, asked: recording.counts().asked };
    } finally {
      await recording.close();
      await close();
    }
  };
  const first = await run();
  check("two months are run", first.chunks === 2 && first.trades > 5 && first.asked > 100);
  const digest = digestOf(join(work, "memory"));
  check("a finished run is found again", (await run()).chunks === 0);
  check("and changes no file", digestOf(join(work, "memory")) === digest);

  // A configuration for each of two months, with a memory of their own.
  const month = async (start: string, end: string): Promise<Summary> => {
    writeFileSync(
      join(work, "config.yaml"),
      `memory: { dir: configured }
backtest: { assets: [GOLD], timeframe: 4h, data_dir: bars, start: ${start}, end: ${end}, chunks: week }
providers: [{ name: trend, type: trend }, { name: memory, type: memory }]`,
    );
    return (await runConfig(await loadConfig(join(work, "config.yaml")))).summary;
  };
  const february = await month("2018-02-01", "2018-03-01");
  check("a configuration is run", february.period === "2018-02-01/2018-03-01" && february.total_trades > 0);
  const march = await month("2018-03-01", "2018-04-01");
  check("the next carries in what it remembers", march.memory_persistence.outcomes_carried_in > 0);

  // A backup and back.
  const backupDir = join(work, "backups");
  const { id } = await createBackup({ memoryDir: join(work, "memory"), backupDir, now: new Date() });
  check("a backup is sound", (await verifyBackup(backupDir, id)).length === 0);
  await restoreBackup({ backupDir, id, to: join(work, "restored") });
  const { memory, close } = await openMemoryFolder(join(work, "restored"));
  await close();
  check("what is restored remembers all", memory.trades.length === first.trades);

  const engine = globalThis as { Bun?: unknown; Deno?: unknown };
  const runtime = engine.Bun !== undefined ? "bun" : engine.Deno !== undefined ? "deno" : "node";
  console.log(`portable: ${checks} checks passed on ${runtime}, all files ${digestOf(join(work, "configured"))}`);
} finally {
  rmSync(work, { recursive: true });
}
