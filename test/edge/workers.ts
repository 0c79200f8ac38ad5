/** Workers in real workerd, by miniflare (npm). */
import type { R2Binding } from "../../lib/storage/r2-bucket.ts";

/** What is used of miniflare. Its types are not, as it may be missing. */
interface MiniflareModule {
  readonly Miniflare: new (options: object) => Worker;
}

/** A worker that runs. */
export interface Worker {
  readonly ready: Promise<unknown>;
  dispatchFetch(url: string, init: { method: string; body: string }): Promise<Response>;
  /** A bucket that the worker has under this name. */
  getR2Bucket(binding: string): Promise<R2Binding>;
  dispose(): Promise<void>;
}

/** The package. The type hides its name from the compiler. */
export const MINIFLARE: string = "miniflare";

const miniflare = (await import(MINIFLARE).catch(() => undefined)) as MiniflareModule | undefined;

/** Says in the title of a test why it is skipped; empty where workers can be started. */
export const missingWorkerd: string = miniflare === undefined ? " (skipped: no miniflare)" : "";

/** The oldest runtime that the examples name. */
const COMPATIBILITY_DATE = "2026-04-01";

/** Bundles a worker or the script of a page into one file, as wrangler does. */
export async function bundle(path: string): Promise<string> {
  const { outputs } = await Bun.build({ entrypoints: [path], target: "browser", format: "esm", minify: true });
  return outputs[0]!.text();
}

/** Starts a worker, of what `bundle()` made. `options` are those of miniflare. */
export async function startWorker(code: string, options: object): Promise<Worker> {
  const worker = new miniflare!.Miniflare({
    modules: [{ type: "ESModule", path: "worker.js", contents: code }],
    compatibilityDate: COMPATIBILITY_DATE,
    ...options,
  });
  await worker.ready;
  return worker;
}

/** Sends a text to a worker, and returns what it answers. */
export async function post(worker: Worker, path: string, body: string): Promise<string> {
  const response = await worker.dispatchFetch(`http://worker${path}`, { method: "POST", body });
  const text = await response.text();
  if (!response.ok) throw new Error(`status ${response.status}: ${text}`);
  return text;
}
