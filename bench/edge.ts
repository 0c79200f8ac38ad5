/**
 * What a backtest costs in a worker: its bundle, its start in workerd, and a month of one asset.
 *
 *     bun bench/edge.ts
 */
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { bundle, missingWorkerd, post, startWorker, type Worker } from "../test/edge/workers.ts";
import { PROJECT_DIR, sampleCsv } from "../test/samples.ts";
import { asMs, type BenchReport, type BenchRow, elapsed, median, renderReport, takeTurns } from "./support/measure.ts";
import { backtestMonth } from "./support/month-worker.ts";

const WORKER = join(import.meta.dir, "support/month-worker.ts");
const EMPTY = join(import.meta.dir, "support/empty-worker.ts");
const GOAL_BYTES = 60_000;
const GOAL_START_MS = 30;
const GOAL_MONTH_MS = 150;

export async function edge(options: { rounds?: number } = {}): Promise<BenchReport> {
  const { rounds = 15 } = options;
  const [code, empty, example] = await Promise.all(
    [WORKER, EMPTY, join(PROJECT_DIR, "examples/worker/src/worker.ts")].map(bundle),
  );
  return {
    title: "In a worker",
    notes: [
      "A worker of four rules and a memory in its process, in real workerd by miniflare. February 2021 of one asset by the hour, in chunks of a week.",
      `Start: from the start of workerd to the first answer, less that of a worker that does nothing; medians of ${rounds}, in turns.`,
      "Month: a request less one that does nothing, in a worker that has answered before. First month: likewise, in a fresh one.",
    ],
    rows: [
      { ...size("bundle of the worker, gzipped", code!), goal: "at most 60 kB", met: sizeOf(code!) <= GOAL_BYTES },
      size("bundle of examples/worker, gzipped", example!),
      ...(missingWorkerd === ""
        ? await timeRows({ code: code!, empty: empty! }, rounds)
        : [{ what: `times${missingWorkerd}` }]),
    ],
  };
}

function sizeOf(code: string): number {
  return gzipSync(code, { level: 9 }).length;
}

function size(what: string, code: string): BenchRow {
  return { what, ours: `${(sizeOf(code) / 1000).toFixed(1)} kB` };
}

async function timeRows({ code, empty }: Record<"code" | "empty", string>, rounds: number): Promise<BenchRow[]> {
  const csv = sampleCsv("BTCUSD", { start: "2021-01-01", end: "2021-03-01" });
  const bytes = new TextEncoder().encode(csv);
  const firstMonths: number[] = [];
  const startOf = async (source: string, isMeasured = false): Promise<number> => {
    let worker: Worker | undefined;
    const ms = await elapsed(async () => {
      worker = await startWorker(source, {});
      await post(worker, "/", csv);
    });
    if (isMeasured) firstMonths.push(await monthIn(worker!, csv));
    await worker!.dispose();
    return ms;
  };
  const warm = await startWorker(code, {});
  try {
    const times = await takeTurns(
      {
        ours: () => startOf(code, true),
        empty: () => startOf(empty),
        month: () => monthIn(warm, csv),
        bun: () => elapsed(() => backtestMonth(bytes)),
      },
      { rounds },
    );
    const start = median(times.ours) - median(times.empty);
    const month = median(times.month);
    return [
      { what: "start", ours: asMs(Math.max(0, start)), goal: "under 30 ms", met: start < GOAL_START_MS },
      { what: "month", ours: asMs(month), goal: "under 150 ms", met: month < GOAL_MONTH_MS },
      { what: "first month", ours: asMs(median(firstMonths.slice(1))) },
      { what: "month in Bun", ours: asMs(median(times.bun)) },
    ];
  } finally {
    await warm.dispose();
  }
}

async function monthIn(worker: Worker, csv: string): Promise<number> {
  const nothing = await elapsed(() => post(worker, "/", csv));
  return (await elapsed(() => post(worker, "/month", csv))) - nothing;
}

if (import.meta.main) console.log(renderReport(await edge()));
