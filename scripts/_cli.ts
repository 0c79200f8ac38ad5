/**
 * What every script shares: flags (_flags.ts), the configuration (_locate.ts), and here exit codes, stdout and stderr, and
 * signals.
 *
 * stdout carries the result and nothing else. `process.exit` is never called: it would cut what a slow pipe has not
 * taken yet.
 */
import { write, writeSync } from "node:fs";
import { CarryoverError, messageOf } from "../lib/errors.ts";
import type { ErrorCode } from "../lib/errors.ts";
import { HelpRequest } from "./_flags.ts";
import { guardModules, Stray } from "./_guard.ts";
import { harmless } from "./_render.ts";

export { parseFlags, SHARED_FLAGS } from "./_flags.ts";
export type { CommandSpec, FlagSpec, FlagValue } from "./_flags.ts";
export { loadConfig, locateConfig, locateMemory, locateMemoryDir, rebuildCommand } from "./_locate.ts";
export type { LoadedConfig } from "./_locate.ts";

/** What main is given. */
export interface ScriptContext {
  /** The command line after the script's name. */
  readonly argv: readonly string[];
  /** Aborted by Ctrl-C and SIGTERM: finish what must be finished, then return or throw `signal.reason`. */
  readonly signal: AbortSignal;
  /** To be called before code of the user's is loaded, with its files: what it leaves unhandled, and process.exit, stop the script. */
  readonly guard: (modules: readonly string[]) => void;
}

const EXIT_CODES: Readonly<Record<ErrorCode, number>> = {
  BAD_USAGE: 2,
  BAD_CONFIG: 2,
  BAD_OUTCOME: 2,
  NOT_FOUND: 3,
  BUDGET: 3,
  UNANSWERED: 1,
  BAD_DATA: 4,
  CORRUPT: 4,
  CONFLICT: 4,
  LOCKED: 5,
  READ_ONLY: 1,
  IO: 1,
};
const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** Thrown through main, so that locks are released, when nobody reads stdout any more. */
class StdoutClosed extends Error {}

/**
 * Runs a script and sets the exit code: what `main` returns (default 0), or what its failure stands for. Errors go to
 * stderr, one line each; a second Ctrl-C kills at once.
 *
 * @example
 * ```ts
 * await runScript(async ({ argv, signal }) => {
 *   const { flags } = parseFlags(argv, COMMAND);
 *   await writeJson(await work(flags, { signal }));
 * });
 * ```
 */
export async function runScript(main: (context: ScriptContext) => Promise<number | void>): Promise<void> {
  const controller = new AbortController();
  let stoppedBy: keyof typeof SIGNAL_EXIT_CODES | undefined;
  // Without a listener the system's default is back, which is to kill.
  const unlisten = (): void => {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  };
  const stop = (name: NodeJS.Signals): void => {
    unlisten();
    stoppedBy = name === "SIGTERM" ? "SIGTERM" : "SIGINT";
    controller.abort(new DOMException(`stopped by ${stoppedBy}`, "AbortError"));
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);

  let isDone = false;
  // The first says it: a timer that throws does so without end.
  let stray: Error | undefined;
  let endGuard = (): void => {};
  const guard = (modules: readonly string[]): void => {
    endGuard = guardModules(modules, {
      onNote: note,
      onStray: (error) => {
        const isFirst = stray === undefined;
        stray ??= error;
        if (!isDone) controller.abort(stray);
        else if (isFirst) process.exitCode = codeAfter(stray, Number(process.exitCode));
        return isDone;
      },
    });
  };

  let code: number;
  try {
    code = (await main({ argv: process.argv.slice(2), signal: controller.signal, guard })) ?? 0;
    isDone = true;
    if (stray !== undefined) code = codeAfter(stray, code);
    if (stoppedBy !== undefined) code = SIGNAL_EXIT_CODES[stoppedBy];
  } catch (thrown) {
    const isAbort = thrown instanceof Error && thrown.name === "AbortError";
    code = stoppedBy !== undefined && isAbort ? SIGNAL_EXIT_CODES[stoppedBy] : await exitCodeOf(thrown);
  } finally {
    unlisten();
  }
  process.exitCode = code;
  endGuard();
}

/** Says what happened too late to do harm, and returns the exit code: only of a success does it make another. */
function codeAfter(stray: Error, code: number): number {
  const message = stray instanceof Stray ? `Found ${stray.found}` : stray.message;
  const told = sayError(stray, { message: `${message}. The result was complete and written by then` });
  return code === 0 ? told : code;
}

/** Says what was thrown, and returns the exit code for it. */
async function exitCodeOf(thrown: unknown): Promise<number> {
  if (thrown instanceof StdoutClosed) return 0;
  if (thrown instanceof HelpRequest) {
    try {
      await writeOut(thrown.message);
    } catch (error) {
      if (!(error instanceof StdoutClosed)) throw error;
    }
    return 0;
  }
  return sayError(thrown);
}

/** @param options `message`: to be said in place of an expected failure's own. */
function sayError(thrown: unknown, options: { message?: string } = {}): number {
  if (!(thrown instanceof CarryoverError)) {
    writeErr(thrown instanceof Error ? (thrown.stack ?? String(thrown)) : String(thrown));
    writeErr("error: This is a bug in Carryover: please report it with the lines above");
    return 1;
  }
  for (const line of (options.message ?? thrown.message).split("\n")) writeErr(`error: ${line}`);
  if (thrown instanceof Stray && thrown.origin !== undefined) writeErr(thrown.origin);
  const cause = thrown.cause === undefined ? "" : messageOf(thrown.cause);
  if (!thrown.message.includes(cause)) writeErr(`  caused by: ${cause}`);
  return EXIT_CODES[thrown.code];
}

/** Writes text for a person to stdout, like `writeRaw()`. */
export async function writeOut(text: string): Promise<void> {
  await writeRaw(harmless(text));
}

/**
 * Writes to stdout and returns when all of it is out, however slowly the reader takes it. Ends the script quietly
 * where nobody reads (`| head -1`).
 */
export async function writeRaw(text: string): Promise<void> {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) {
    const { error, written } = await new Promise<{ error: NodeJS.ErrnoException | null; written: number }>((done) => {
      write(1, rest, 0, rest.length, null, (failure, count) => done({ error: failure, written: count }));
    });
    if (error === null) rest = rest.subarray(written);
    // The reader's end may be shared with a process that made it non-blocking.
    else if (error.code === "EAGAIN") await Bun.sleep(5);
    else if (error.code === "EPIPE" || error.code === "EBADF") throw new StdoutClosed();
    else throw new CarryoverError("IO", `Cannot write to stdout: ${error.message}`, { cause: error });
  }
}

/** Writes one JSON document, on one line, to stdout. */
export async function writeJson(value: unknown): Promise<void> {
  await writeRaw(`${JSON.stringify(value)}\n`);
}

/** Writes a line to stderr that is worth a look. */
export function warn(text: string): void {
  writeErr(`warning: ${text}`);
}

/** Writes a line to stderr. */
export function note(text: string): void {
  writeErr(text);
}

/** A message that nobody can read is no reason to fail. */
function writeErr(line: string): void {
  let rest = new TextEncoder().encode(`${harmless(line, 2)}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(2, rest));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) return;
      Bun.sleepSync(5);
    }
  }
}
