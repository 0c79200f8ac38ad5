/**
 * What a sweep over NATS costs beside its runs, whole processes and server on one machine. Needs `nats-server` on the PATH.
 *
 *     bun bench/sweep-nats.ts
 */
import fs from "node:fs";
import { join } from "node:path";
import { PROJECT_DIR } from "../test/samples.ts";
import { NATS_SERVER, NatsServer } from "../test/slow/support/nats-server.ts";
import {
  asMs,
  type BenchReport,
  elapsed,
  median,
  renderReport,
  takeTurns,
  temporaryFolder,
} from "./support/measure.ts";

export interface SweepNatsBenchOptions {
  /** Cells of a quarter: enough that the start of a worker does not show. */
  readonly cells?: number;
  readonly rounds?: number;
}

export async function sweepNats(options: SweepNatsBenchOptions = {}): Promise<BenchReport> {
  const { cells = 60, rounds = 3 } = options;
  const title = "Sweeps on NATS";
  if (NATS_SERVER === null) return { title, notes: ["Skipped: no nats-server on the PATH."], rows: [] };
  using folder = temporaryFolder();
  const bench = new NatsBench(folder.path, cells);
  const times = await takeTurns(
    { here: () => bench.here(), one: () => bench.work(1), two: () => bench.work(2) },
    { rounds },
  );
  const [here, one, two] = [median(times.here), median(times.one), median(times.two)];
  const overheadMs = (one - here) / (cells + 1);
  const { submitMs, bytes } = bench.measured();
  return {
    title,
    notes: [
      `${cells} cells of a quarter of the sample and the default, summaries kept; medians of ${rounds}, in turns. Peer: sweep run with one worker.`,
      "The server (sync_interval: always) and both workers share the machine.",
    ],
    rows: [
      {
        what: "what the queue adds to a cell, one worker",
        ours: asMs(overheadMs),
        goal: "at most 120 ms",
        met: overheadMs <= 120,
      },
      {
        what: "two workers against one",
        ours: `${(one / two).toFixed(2)}x`,
        goal: "at least 1.8",
        met: one / two >= 1.8,
      },
      { what: "submitting, a cell", ours: asMs(submitMs / (cells + 1)) },
      { what: "kept on the server, a cell", ours: `${(bytes / 1000 / (cells + 1)).toFixed(1)} kB` },
    ],
  };
}

class NatsBench {
  readonly #dir: string;
  readonly #cells: number;
  readonly #submits: number[] = [];
  #bytes = 0;
  #outs = 0;

  constructor(dir: string, cells: number) {
    this.#dir = dir;
    this.#cells = cells;
  }

  /** Milliseconds of submitting all cells, and the bytes on the server when they are done. */
  measured(): { submitMs: number; bytes: number } {
    return { submitMs: median(this.#submits), bytes: this.#bytes };
  }

  async here(): Promise<number> {
    const file = this.#sweep();
    return elapsed(() => this.#run(["run", file, "--jobs", "1", "--keep", "summary", "--out", this.#newOut()]));
  }

  /** Runs the cells on a new server. */
  async work(workers: number): Promise<number> {
    const config = join(this.#dir, "sync.conf");
    fs.writeFileSync(config, "jetstream { sync_interval: always }\n");
    const server = await new NatsServer(this.#dir, ["-c", config]).start();
    try {
      const file = this.#sweep();
      this.#submits.push(await elapsed(() => this.#run(["submit", file, "--nats", server.url])));
      const work = (): Promise<void> =>
        this.#run(["work", "--nats", server.url, "--keep", "summary", "--out", this.#newOut()]);
      const ms = await elapsed(() => Promise.all(Array.from({ length: workers }, work)));
      this.#bytes = server.bytes();
      return ms;
    } finally {
      await server.kill();
    }
  }

  #newOut(): string {
    return join(this.#dir, `out-${++this.#outs}`);
  }

  #sweep(): string {
    const dir = fs.mkdtempSync(join(this.#dir, "sweep-"));
    const sample = join(PROJECT_DIR, "data", "sample");
    const config = `backtest: { data_dir: ${sample}, start: 2021-01-01, end: 2021-04-01, chunks: quarter }\n`;
    fs.writeFileSync(join(dir, "config.yaml"), config);
    const file = join(dir, "SWEEP.yaml");
    fs.writeFileSync(
      file,
      `sample: { cells: ${this.#cells}, from: { portfolio_memory.learning_rate: { min: 0.01, max: 1 } } }\n`,
    );
    return file;
  }

  async #run(args: readonly string[]): Promise<void> {
    const script = join(PROJECT_DIR, "scripts", "sweep.ts");
    const child = Bun.spawn([process.execPath, script, ...args], { stdout: "ignore", stderr: "pipe" });
    const errors = await new Response(child.stderr).text();
    if ((await child.exited) !== 0) throw new Error(`sweep ${args[0]} ended with ${child.exitCode}: ${errors}`);
  }
}

if (import.meta.main) console.log(renderReport(await sweepNats()));
