/** Sweeps over a NATS server, as a user starts them. */
import { expect } from "bun:test";
import { join } from "node:path";
import { PROJECT_DIR } from "../../samples.ts";
import { resultOf, runScript, type ScriptResult } from "../../scripts/run-script.ts";

export type Worker = Bun.Subprocess<"ignore", "pipe", "pipe">;

/** @param options `project`: where its scripts are. */
export function startWorker(
  url: string,
  out: string,
  { project = PROJECT_DIR, jobs = 1 }: { project?: string; jobs?: number } = {},
): Worker {
  const args = ["work", "--nats", url, "--out", out, "--keep", "summary", "--json", "--jobs", String(jobs)];
  return Bun.spawn([process.execPath, join(project, "scripts/sweep.ts"), ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    // A group of its own, so that all of it can be killed or frozen.
    detached: true,
  });
}

/** Ends a worker, and the cell that it runs, without a word. */
export function killAll(worker: Worker): void {
  process.kill(-worker.pid, "SIGKILL");
}

export async function endOf(worker: Worker): Promise<ScriptResult & { ran: number }> {
  const result = await resultOf(worker);
  return { ...result, ran: result.stdout.startsWith("{") ? (JSON.parse(result.stdout) as { ran: number }).ran : 0 };
}

export async function submit(file: string, url: string): Promise<{ id: string; left: number }> {
  const { code, stdout, stderr } = await runScript("sweep.ts", ["submit", file, "--nats", url, "--json"]);
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as { id: string; left: number };
}

export async function collect(file: string, url: string): Promise<string> {
  const { code, stdout, stderr } = await runScript("sweep.ts", ["collect", file, "--nats", url, "--json"]);
  expect([code, stderr]).toEqual([0, ""]);
  return stdout;
}
