/**
 * What every script shares: exit codes, stdout and stderr, and signals. stdout carries the result and nothing else.
 * `process.exit` is never called: it would cut off what a slow pipe has not taken yet.
 */
import { write, writeSync } from "node:fs";
import { join } from "node:path";
import { CarryoverError, type ErrorCode, fail, messageOf } from "../../lib/errors.ts";
import { HelpRequest } from "./args.ts";
import { guardModules, ModuleFailure } from "./guard.ts";
import { systemCodeOf } from "../../lib/storage/fs.node.ts";
import { escapeControls } from "../../lib/util/controls.ts";
import { stripControls } from "./terminal.ts";

/** What a script's main function gets. */
export interface ScriptContext {
  /** The command line after the script's name. */
  readonly argv: readonly string[];
  /** Aborted by Ctrl-C and SIGTERM. Finish what must be finished, then throw `signal.reason`. */
  readonly signal: AbortSignal;
  /** Call it with the files of the user's modules before they are loaded: see guard.ts. */
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
const LIBRARY_DIR = join(import.meta.dirname, "../../lib/");
const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** The exit codes of a script that did its work, and found that something may not be read, is missing or damaged. */
export const EXIT_REFUSED = 1;
export const EXIT_MISSING = 3;
export const EXIT_DAMAGED = 4;

/** Thrown when nobody reads stdout any more. It passes through `runScript()`, so that locks are released. */
class StdoutClosed extends Error {}

/**
 * Runs a script and sets the exit code: what `main` returns (default 0), or the code of its failure. A `main` that returns has
 * done its work, also if a signal came meanwhile. Errors go to stderr, one line each. A second Ctrl-C kills at once.
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
  hideExperimentalWarnings();
  const controller = new AbortController();
  const signals = listenForSignals(controller);
  let isDone = false;
  // Only the first is reported: a timer may throw without end.
  let failure: Error | undefined;
  let endGuard = (): void => {};
  const guard = (modules: readonly string[]): void => {
    endGuard = guardModules(modules, {
      onNote: note,
      onFailure: (error) => {
        const isFirst = failure === undefined;
        failure ??= error;
        if (!isDone) controller.abort(failure);
        else if (isFirst) process.exitCode = lateExitCode(failure, Number(process.exitCode));
        return isDone;
      },
    });
  };

  let code: number;
  try {
    assertCurrentFolder();
    code = (await main({ argv: process.argv.slice(2), signal: controller.signal, guard })) ?? 0;
    isDone = true;
    if (failure !== undefined) code = lateExitCode(failure, code);
  } catch (thrown) {
    const isAbort = thrown instanceof Error && thrown.name === "AbortError";
    code = (isAbort ? signals.exitCode() : undefined) ?? (await exitCodeOf(thrown));
  } finally {
    signals.ignore();
  }
  process.exitCode = code;
  endGuard();
}

/** @throws {CarryoverError} `NOT_FOUND` in a folder that was removed, such as an old version's after an upgrade. */
function assertCurrentFolder(): void {
  try {
    process.cwd();
  } catch (error) {
    if (systemCodeOf(error) !== "ENOENT") throw error;
    const found = "a current folder that was removed";
    throw fail("NOT_FOUND", "Cannot start", { found, expected: "one that exists: cd to it, then run again" });
  }
}

/** Node warns of node:sqlite, which holds the lock. */
function hideExperimentalWarnings(): void {
  const listeners = process.listeners("warning");
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (warning.name !== "ExperimentalWarning") for (const listener of listeners) listener.call(process, warning);
  });
}

/** Aborts at the first Ctrl-C or SIGTERM. The second has the system's default effect, which is to kill. */
function listenForSignals(controller: AbortController): { exitCode: () => number | undefined; ignore: () => void } {
  let stoppedBy: keyof typeof SIGNAL_EXIT_CODES | undefined;
  const ignore = (): void => {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  };
  const stop = (name: NodeJS.Signals): void => {
    ignore();
    stoppedBy = name === "SIGTERM" ? "SIGTERM" : "SIGINT";
    controller.abort(new DOMException(`stopped by ${stoppedBy}`, "AbortError"));
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return { exitCode: () => (stoppedBy === undefined ? undefined : SIGNAL_EXIT_CODES[stoppedBy]), ignore };
}

/** Reports a failure after the result was written. It changes the exit code of a success only. */
function lateExitCode(failure: Error, code: number): number {
  const found = failure instanceof ModuleFailure ? `Found ${failure.found}` : failure.message;
  const own = reportError(failure, `${found}, after the result was written`);
  return code === 0 ? own : code;
}

/** Reports what was thrown, and returns the exit code for it. */
async function exitCodeOf(thrown: unknown): Promise<number> {
  if (thrown instanceof HelpRequest) return writeOut(thrown.message).then(() => 0, exitCodeOf);
  if (thrown instanceof StdoutClosed) return 0;
  return reportError(thrown);
}

/** @param message Replaces the message of an expected failure. */
function reportError(thrown: unknown, message?: string): number {
  if (!(thrown instanceof CarryoverError)) {
    note(thrown instanceof Error ? (thrown.stack ?? String(thrown)) : String(thrown));
    note("error: This is a bug in Carryover: please report it with the lines above");
    return 1;
  }
  for (const line of (message ?? thrown.message).split("\n")) note(`error: ${line}`);
  if (thrown instanceof ModuleFailure && thrown.cause instanceof Error) note(framesOfModule(thrown.cause.stack ?? ""));
  const cause = thrown.cause === undefined ? "" : messageOf(thrown.cause);
  if (!thrown.message.includes(cause)) note(`  caused by: ${cause}`);
  return EXIT_CODES[thrown.code];
}

/** A stack without what called the module. */
function framesOfModule(stack: string): string {
  const lines = stack.split("\n");
  const first = lines.findIndex((line) => line.includes(LIBRARY_DIR));
  return lines.slice(0, first === -1 ? lines.length : first).join("\n");
}

/** Writes text for a person to stdout, like `writeRaw()`. */
export async function writeOut(text: string): Promise<void> {
  await writeRaw(stripControls(text));
}

/**
 * Writes to stdout and returns when all of it is out, however slow the reader is. Ends the script quietly if nobody
 * reads (`| head -1`).
 */
export async function writeRaw(text: string): Promise<void> {
  await writeBytes(new TextEncoder().encode(text));
}

/** Like `writeRaw()`, for what is no text. */
export async function writeBytes(bytes: Uint8Array): Promise<void> {
  let rest = bytes;
  while (rest.length > 0) {
    const { error, written } = await new Promise<{ error: NodeJS.ErrnoException | null; written: number }>((done) => {
      write(1, rest, 0, rest.length, null, (failure, count) => done({ error: failure, written: count }));
    });
    if (error === null) rest = rest.subarray(written);
    // The reader's end may be shared with a process that made it non-blocking.
    else if (error.code === "EAGAIN") await new Promise((done) => setTimeout(done, 5));
    else throw stdoutError(error);
  }
}

/**
 * Like `writeRaw()`, for an answer that somebody waits for. Bun writes to a pipe without another thread, which would have to wake up,
 * and goes on while the reader is slow. Node would wait for the reader.
 */
export async function writeAnswer(text: string): Promise<void> {
  if (process.versions.bun === undefined) return writeRaw(text);
  const { stdout } = process;
  // The callback is told, too.
  if (stdout.listenerCount("error") === 0) stdout.on("error", () => {});
  const error = await new Promise<Error | null | undefined>((resolve) => void stdout.write(text, resolve));
  if (error) throw stdoutError(error);
}

function stdoutError(error: NodeJS.ErrnoException): Error {
  if (error.code === "EPIPE" || error.code === "EBADF") return new StdoutClosed();
  return new CarryoverError("IO", `Cannot write to stdout: ${error.message}`, { cause: error });
}

/** Writes one JSON document, on one line, to stdout. No character in it tells a terminal to do anything. */
export async function writeJson(value: unknown): Promise<void> {
  await writeRaw(`${escapeControls(JSON.stringify(value))}\n`);
}

/** Writes a line to stderr that the user should look at. */
export function warn(text: string): void {
  note(`warning: ${text}`);
}

let hideSecrets = (text: string): string => text;

/** From now on everything that is written to stderr passes through `hide`. */
export function hideInNotes(hide: (text: string) => string): void {
  hideSecrets = hide;
}

/** Writes a line to stderr, if anybody reads it. */
export function note(text: string): void {
  let rest = new TextEncoder().encode(`${stripControls(hideSecrets(text), 2)}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(2, rest));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
