/** What all benches share: contenders that take turns, medians, and tables. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One row of a table. */
export interface BenchRow {
  readonly what: string;
  readonly ours?: string;
  readonly peer?: string;
  /** Ours / the peer's. */
  readonly ratio?: string;
  readonly goal?: string;
  /** Absent if there is no goal, or a part was skipped. */
  readonly met?: boolean;
}

export interface BenchReport {
  readonly title: string;
  /** What is measured, and against what. */
  readonly notes: readonly string[];
  readonly rows: readonly BenchRow[];
}

/** Runs a contender once; returns milliseconds. */
export type Contender = () => number | Promise<number>;

/**
 * Lets contenders take turns, A B C A B C, so that other load on the machine affects all of them. The first round fills caches
 * and is not counted.
 *
 * @returns The milliseconds of each contender, by round.
 */
export async function takeTurns<Name extends string>(
  contenders: Readonly<Record<Name, Contender>>,
  options: { rounds: number },
): Promise<Record<Name, readonly number[]>> {
  const names = Object.keys(contenders) as Name[];
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = -1; round < options.rounds; round++) {
    for (const name of names) {
      const ms = await contenders[name]();
      if (round >= 0) times[name].push(ms);
    }
  }
  return times;
}

/** Milliseconds that `work` takes. */
export async function elapsed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

export interface ProcessRun {
  /** From start to exit. */
  readonly ms: number;
  readonly stdout: string;
}

/** A folder that is removed at the end of a `using` block. */
export function temporaryFolder(parent: string = tmpdir()): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(parent, "carryover-bench-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

/** As `temporaryFolder()`, in memory where there is such a place. */
export function temporaryRamFolder(): Disposable & { readonly path: string } {
  return temporaryFolder(existsSync("/dev/shm") ? "/dev/shm" : undefined);
}

/** Runs a process to its end. If it fails, its stderr is in the error. */
export function runProcess(command: readonly string[], options: { cwd?: string } = {}): ProcessRun {
  const [program = "", ...args] = command;
  const start = performance.now();
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    ...options,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  const ms = performance.now() - start;
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`"${command.join(" ")}" ended with ${status}: ${stderr}`);
  return { ms, stdout };
}

/**
 * As `runProcess()`, with the most memory that the process had at a time. Linux counts that of a child from what its parent has, so
 * it is read from /proc while the process runs.
 */
export async function runMeasured(
  command: readonly string[],
  options: { cwd?: string } = {},
): Promise<ProcessRun & { peakMb: number }> {
  const start = performance.now();
  const child = Bun.spawn([...command], { ...options, stdout: "pipe", stderr: "pipe" });
  const output = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  let peakMb = Number.NaN;
  while (child.exitCode === null && child.signalCode === null) {
    const status = existsSync(`/proc/${child.pid}/status`) ? readFileSync(`/proc/${child.pid}/status`, "utf8") : "";
    const peakKb = /^VmHWM:\s+(\d+)/m.exec(status)?.[1];
    if (peakKb !== undefined) peakMb = (Number(peakKb) * 1024) / 1e6;
    await Bun.sleep(5);
  }
  const ms = performance.now() - start;
  const [stdout, stderr] = await output;
  if (child.exitCode !== 0) throw new Error(`"${command.join(" ")}" ended with ${child.exitCode}: ${stderr}`);
  return { ms, stdout, peakMb };
}

/** The smallest value that at least the share (0..1) of values do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return (sorted[half]! + sorted[sorted.length % 2 === 1 ? half : half - 1]!) / 2;
}

/** Milliseconds for a table, in us if they are few. */
export function asMs(ms: number): string {
  if (ms < 1) return `${(1000 * ms).toFixed(ms < 0.1 ? 1 : 0)} us`;
  return `${ms.toFixed(ms < 10 ? 2 : ms < 100 ? 1 : 0)} ms`;
}

/** A row that compares ours with a peer; `atMost` is the largest ratio that meets the goal. */
export function versus(
  what: string,
  times: { ours: readonly number[]; peer: readonly number[] | undefined },
  options: { atMost: number; goal: string; missing: string | undefined },
): BenchRow {
  const ours = median(times.ours);
  if (times.peer === undefined) {
    return { what, ours: asMs(ours), peer: `skipped: ${options.missing ?? "no peer"}`, goal: options.goal };
  }
  const peer = median(times.peer);
  const ratio = ours / peer;
  return {
    what,
    ours: asMs(ours),
    peer: asMs(peer),
    ratio: ratio.toFixed(2),
    goal: options.goal,
    met: ratio <= options.atMost,
  };
}

/** A report as Markdown. */
export function renderReport(report: BenchReport): string {
  const cells = report.rows.map((row) => [
    row.what,
    row.ours ?? "",
    row.peer ?? "",
    row.ratio ?? "",
    row.goal ?? "",
    row.met === undefined ? "" : row.met ? "met" : "**not met**",
  ]);
  const table = [["", "ours", "peer", "ratio", "goal", ""], ...cells];
  const widths = [0, 1, 2, 3, 4, 5].map((column) => Math.max(3, ...table.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  const [head, ...body] = table;
  const lines = [line(head!), line(widths.map((width) => "-".repeat(width))), ...body.map(line)];
  return `## ${report.title}\n\n${report.notes.map((note) => `- ${note}\n`).join("")}\n${lines.join("\n")}\n`;
}
