/**
 * Runs scripts in one process for all tests of a file, which loads their code once. Scripts that get signals, ask a terminal or load
 * modules have a process of their own, by run-script.ts; so has each script in the commands of the documents.
 */
import { afterAll } from "bun:test";
import { join } from "node:path";
import { PROJECT_DIR } from "../samples.ts";
import type { runScript, ScriptResult } from "./run-script.ts";

/** What the process gets to run. */
export interface HostedScript {
  readonly path: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What is written before the exit code. */
  readonly end: string;
}

const END = "== The script ended with exit code ";

type Host = Bun.Subprocess<"pipe", "pipe", "pipe">;

/** Returns what runs scripts as `runScript()` of run-script.ts does, one after the other. Call it where a test file begins. */
export function hostScripts(): typeof runScript {
  let host: Host | undefined;
  let last: Promise<unknown> = Promise.resolve();
  afterAll(async () => {
    await host?.stdin.end();
    await host?.exited;
  });
  return (name, args = [], options = {}) => {
    const { cwd = PROJECT_DIR, env } = options;
    const path = join(PROJECT_DIR, "scripts", name);
    host ??= Bun.spawn([process.execPath, join(import.meta.dir, "hosted-script-child.ts")], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    const script = { path, args, cwd, env: { ...process.env, ...env }, end: END };
    const result = last.then(() => runOn(host!, script));
    last = result.catch(() => {});
    return result;
  };
}

async function runOn(host: Host, script: HostedScript): Promise<ScriptResult> {
  host.stdin.write(`${JSON.stringify(script)}\n`);
  await host.stdin.flush();
  const [out, err] = await Promise.all([untilEnd(host.stdout), untilEnd(host.stderr)]);
  if (out.code === undefined) throw new Error(`The process of the scripts ended: ${err.text}`);
  return { code: out.code, stdout: out.text, stderr: err.text };
}

/** What a stream has before the line that ends a script, and the exit code in that; no code if the stream ends. */
async function untilEnd(stream: ReadableStream<Uint8Array>): Promise<{ text: string; code?: number }> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { text };
      text += decoder.decode(value, { stream: true });
      const [written, code] = text.split(END) as [string, string?];
      if (code?.endsWith("\n")) return { text: written, code: Number(code) };
    }
  } finally {
    reader.releaseLock();
  }
}
