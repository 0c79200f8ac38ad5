/**
 * Runs every bench and rewrites bench/RESULTS.md.
 *
 *     bun bench/all.ts [--date YYYY-MM-DD]
 *
 * Peers need CARRYOVER_PYTHON, a Python with numpy, scikit-learn, backtesting, onnxruntime, tokenizers, faiss-cpu, usearch and
 * sqlite-vec, and CARRYOVER_SEED_BASELINE. The sentence model is in CARRYOVER_MODEL_DIR. A row says what is missing.
 */
import { statfsSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, tmpdir, type as systemName } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import manifest from "../package.json" with { type: "json" };
import { PROJECT_DIR } from "../test/samples.ts";
import { renderReport, type BenchReport } from "./support/measure.ts";
import { pythonVersions } from "./support/python.ts";
import { backup } from "./backup.ts";
import { compareMemory } from "./compare-memory.ts";
import { edge } from "./edge.ts";
import { embed } from "./embed.ts";
import { growth } from "./growth.ts";
import { largeMemory } from "./large-memory.ts";
import { importing } from "./import.ts";
import { llm } from "./llm.ts";
import { market } from "./market.ts";
import { memoryStats } from "./memory-stats.ts";
import { openVectors } from "./open-vectors.ts";
import { record } from "./record.ts";
import { report as reportOfRun } from "./report.ts";
import { search } from "./search.ts";
import { serving } from "./serve.ts";
import { slowProvider } from "./slow-provider.ts";
import { startup } from "./startup.ts";
import { sweep } from "./sweep.ts";
import { sweepNats } from "./sweep-nats.ts";
import { year } from "./year.ts";

/** Type numbers of statfs(2) for file systems that differ in the cost of a sync. */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0xef53: "ext4",
  0x01021994: "tmpfs, where a sync costs nothing",
  0x794c7630: "overlayfs",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
};

const { date } = parseArgs({ options: { date: { type: "string" } } }).values;
const loadBefore = loadavg()[0] ?? 0;
const reports: BenchReport[] = [];
for (const bench of [
  startup,
  memoryStats,
  year,
  slowProvider,
  compareMemory,
  record,
  serving,
  growth,
  sweep,
  sweepNats,
  edge,
  reportOfRun,
  largeMemory,
  backup,
  market,
  importing,
  embed,
  search,
  openVectors,
  llm,
]) {
  const report = await bench();
  console.log(renderReport(report));
  reports.push(report);
}

const rows = reports.flatMap((report) => report.rows.map((row) => ({ title: report.title, ...row })));
const goals = rows.filter((row) => row.goal !== undefined);
const missed = goals.filter((row) => row.met === false);
const skipped = goals.filter((row) => row.met === undefined);
const named = (list: typeof rows): string => list.map((row) => `- ${row.title}: ${row.what}\n`).join("");
const packages = Object.entries(manifest.dependencies).map(([name, version]) => `${name} ${version}`);
const header = `# How fast

Written by \`bun bench/all.ts\`, ${date ?? new Date().toISOString().slice(0, 10)}; do not edit. Ours and the peer take turns in the same run. All times are medians.
Quality is elsewhere: recall in [RECALL.md](RECALL.md), learning in [LEARNING.md](LEARNING.md).

- Machine: ${availableParallelism()} cores, ${cpus()[0]?.model ?? "unknown processor"}, ${systemName()} ${release()}, load ${loadBefore.toFixed(2)} before; files on ${FILE_SYSTEMS[statfsSync(tmpdir()).type] ?? "another file system"}
- Ours: carryover ${manifest.version}, Bun ${Bun.version}, ${packages.join(", ")}
- Peers: ${pythonVersions(["numpy", "scikit-learn", "pandas", "backtesting", "onnxruntime", "tokenizers", "faiss-cpu", "usearch", "sqlite-vec"])}
- ${goals.length} goals: ${goals.length - missed.length - skipped.length} met, ${missed.length} not met, ${skipped.length} skipped; the goals of learning are in LEARNING.md
`;
const summary = `${missed.length > 0 ? `\nNot met:\n\n${named(missed)}` : ""}${
  skipped.length > 0 ? `\nSkipped:\n\n${named(skipped)}` : ""
}`;
writeFileSync(join(PROJECT_DIR, "bench", "RESULTS.md"), `${header}${summary}\n${reports.map(renderReport).join("\n")}`);
