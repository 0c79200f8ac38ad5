/**
 * What every script shares: flags (_flags.ts), the configuration (_locate.ts), and here exit codes, stdout and stderr, and
 * signals.
 *
 * stdout carries the result and nothing else. `process.exit` is never called: it would cut what a slow pipe has not
 * taken yet.
 */
/**
 * Providers of the type `module` are code of the user's that runs in this process. What they leave unhandled would end it with a
 * bare stack, and `process.exit` without a word and with any code.
 */
import { write, writeSync } from "node:fs";
import { join, sep } from "node:path";
import { CarryoverError, type ErrorCode, messageOf } from "../../lib/errors.ts";
import { stripControls } from "../text/table.ts";
import { HelpRequest } from "./args.ts";

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
  await writeRaw(stripControls(text));
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
  let rest = new TextEncoder().encode(`${stripControls(line, 2)}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(2, rest));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) return;
      Bun.sleepSync(5);
    }
  }
}

const PROJECT_DIR = join(import.meta.dir, "../..");
const OWN_FOLDERS = ["lib", "scripts"].map((name) => join(PROJECT_DIR, name) + sep);
const PACKAGES = join(PROJECT_DIR, "node_modules") + sep;

/** How long a script that is done waits for what a module left open. */
const LAST_CALL_MS = 3000;

/** What a module did that stops a script. */
export class Stray extends CarryoverError {
  /** Such as `process.exit(1) called at "/home/me/my.ts:5:9"`. */
  readonly found: string;
  /** Where an error of the module's came from. */
  readonly origin: string | undefined;

  constructor(found: string, options: { expected: string; origin?: string | undefined }) {
    super("UNANSWERED", `Cannot go on: found ${found}, expected ${options.expected}`);
    this.found = found;
    this.origin = options.origin;
  }
}

/** Who is told what modules do. */
export interface ModuleWatch {
  /** Told of a `Stray`, or of an error of our own that nobody handled; returns whether the process may end at once. */
  readonly onStray: (error: Error) => boolean;
  readonly onNote: (note: string) => void;
}

/**
 * Watches over modules for as long as the process lives.
 *
 * @param modules Their absolute paths.
 * @returns To be called when the script is done: ends the process after a moment if a module, by a timer or a connection that it
 * left open, does not let it end.
 */
export function guardModules(modules: readonly string[], { onStray, onNote }: ModuleWatch): () => void {
  const named = modules.map((path) => `"${path}"`).join(", ");
  const placeIn = (places: readonly string[]): string => {
    const place = places.find((each) => isOfUser(each, modules));
    return place === undefined ? `some place in ${named}` : `"${place}"`;
  };

  const onUnhandled = (thrown: unknown): void => {
    // What process.exit threw below was told there.
    if (thrown instanceof StrayExit) return;
    const places = placesOf(thrown);
    if (thrown instanceof Error && places.some(isOurs) && !places.some((place) => isOfUser(place, modules))) {
      onStray(thrown);
      return;
    }
    const found = `an error that nobody handles at ${placeIn(places)} (${messageOf(thrown)})`;
    const origin = thrown instanceof Error ? thrown.stack : undefined;
    onStray(new Stray(found, { expected: "a module to handle its own", origin }));
  };
  process.on("unhandledRejection", onUnhandled);
  process.on("uncaughtException", onUnhandled);

  const exit = process.exit.bind(process);
  process.exit = (code) => {
    // Always a module's: nothing of ours calls it.
    const thrown = new StrayExit(`process.exit(${code ?? ""})`);
    const found = `${thrown.message} called at ${placeIn(placesOf(thrown))}`;
    if (onStray(new Stray(found, { expected: "a module to return" }))) exit();
    throw thrown;
  };
  return () => {
    // Alone this timer keeps no process alive.
    setTimeout(() => {
      onNote(`A module left something open (a timer, a connection): ended after ${LAST_CALL_MS / 1000} s: ${named}`);
      exit();
    }, LAST_CALL_MS).unref();
  };
}

/** Takes the place of an end of the process. */
class StrayExit extends Error {}

/** The lines of a stack that name a file, innermost first, such as `/home/me/my.ts:5:9`. */
function placesOf(thrown: unknown): string[] {
  const stack = thrown instanceof Error ? (thrown.stack ?? "") : "";
  return [...stack.matchAll(/^\s+at .*?\(?((?:\/|[A-Za-z]:\\).*:\d+:\d+)\)?$/gm)].map(([, place = ""]) => place);
}

function isOurs(place: string): boolean {
  return OWN_FOLDERS.some((folder) => place.startsWith(folder));
}

/** Whether a place is neither ours nor a package's; a module may lie among our files. */
function isOfUser(place: string, modules: readonly string[]): boolean {
  return modules.some((path) => place.startsWith(`${path}:`)) || !(isOurs(place) || place.startsWith(PACKAGES));
}
