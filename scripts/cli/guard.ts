/**
 * A guard around the user's modules, which run in this process. Without it, an unhandled error of theirs would end the
 * process with a bare stack, and `process.exit` without a message and with any code.
 */
import { Console } from "node:console";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { CarryoverError, type FailureDetails, messageOf } from "../../lib/errors.ts";

const PROJECT_DIR = join(import.meta.dirname, "../..");
const OWN_FOLDERS = ["lib", "scripts"].map((name) => join(PROJECT_DIR, name) + sep);
/** Packages are in the project's folder or, where Carryover is one itself, beside it. */
const PACKAGES = `${sep}node_modules${sep}`;

/** How long a finished script waits for timers and connections that a module left open. */
const GRACE_MS = 3000;

/** Stops a script because of what a module did. An unhandled error of the module's is the cause. */
export class ModuleFailure extends CarryoverError {
  /** Such as `process.exit(1) called at "/home/me/my.ts:5:9"`. */
  readonly found: string;

  constructor({ found, expected, cause }: FailureDetails) {
    super("UNANSWERED", `Cannot go on: found ${found}, expected ${expected}`, { cause });
    this.found = found;
  }
}

/** Thrown in place of the end of the process. */
class ExitCall extends Error {}

/**
 * Guards modules for as long as the process lives.
 *
 * @param modules Their absolute paths.
 * @param options `onFailure`: called with a `ModuleFailure`, or with an unhandled error of our own; returns whether the process may
 *   end at once.
 * @returns To be called when the script is done. It ends the process after a moment if a timer or connection of a module
 *   keeps it alive.
 */
export function guardModules(
  modules: readonly string[],
  { onFailure, onNote }: { onFailure: (error: Error) => boolean; onNote: (note: string) => void },
): () => void {
  const named = modules.map((path) => `"${path}"`).join(", ");
  // A module may lie among our files.
  const isOfUser = (place: string): boolean =>
    modules.some((path) => place.startsWith(`${path}:`)) || !(isOurs(place) || place.includes(PACKAGES));
  const userPlace = (places: readonly string[]): string => {
    const place = places.find(isOfUser);
    return place === undefined ? `some place in ${named}` : `"${place}"`;
  };

  const onUnhandled = (thrown: unknown): void => {
    // Reported when it was thrown, below.
    if (thrown instanceof ExitCall) return;
    const places = placesOf(thrown);
    if (thrown instanceof Error && places.some(isOurs) && !places.some(isOfUser)) {
      onFailure(thrown);
      return;
    }
    const found = `an unhandled error at ${userPlace(places)} (${messageOf(thrown)})`;
    onFailure(new ModuleFailure({ found, expected: "the module to handle it", cause: thrown }));
  };
  printToStderr();
  process.on("unhandledRejection", onUnhandled);
  process.on("uncaughtException", onUnhandled);

  const { exit: realExit, reallyExit } = process as typeof process & { reallyExit: unknown };
  const exit = (): void => {
    // The engine's exit() calls it.
    Object.assign(process, { reallyExit });
    realExit.call(process);
  };
  const exitCalled = (name: string, code: unknown): never => {
    const thrown = new ExitCall(`process.${name}(${typeof code === "number" || typeof code === "string" ? code : ""})`);
    const found = `${thrown.message} called at ${userPlace(placesOf(thrown))}`;
    if (onFailure(new ModuleFailure({ found, expected: "the module to return" }))) exit();
    throw thrown;
  };
  // No code of ours calls them. The second is Node's own, which packages use to end at once.
  process.exit = (code) => exitCalled("exit", code);
  Object.assign(process, { reallyExit: (code: unknown) => exitCalled("reallyExit", code) });
  return () => {
    // This timer alone keeps no process alive.
    setTimeout(() => {
      onNote(`Ended after ${GRACE_MS / 1000} s: a timer or connection was left open by ${named}`);
      exit();
    }, GRACE_MS).unref();
  };
}

/** What modules print goes to stderr: stdout is the result's, which is written by file descriptor. */
function printToStderr(): void {
  Object.assign(console, new Console(process.stderr));
  process.stdout.write = process.stderr.write.bind(process.stderr) as typeof process.stdout.write;
}

/** The lines of a stack that name a file, innermost first, such as `/home/me/my.ts:5:9`. */
function placesOf(thrown: unknown): string[] {
  const stack = thrown instanceof Error ? (thrown.stack ?? "") : "";
  return [...stack.matchAll(/^\s+at .*?\(?((?:file:\/\/|\/|[A-Za-z]:\\).*:\d+:\d+)\)?$/gm)].map(([, place = ""]) =>
    place.startsWith("file:") ? fileURLToPath(place) : place,
  );
}

function isOurs(place: string): boolean {
  return OWN_FOLDERS.some((folder) => place.startsWith(folder));
}
