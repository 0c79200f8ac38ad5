/**
 * Providers of the type `module` are code of the user's that runs in this process. What they leave unhandled would end it with a
 * bare stack, and `process.exit` without a word and with any code.
 */
import { join, sep } from "node:path";
import { CarryoverError, messageOf } from "../lib/errors.ts";

const PROJECT_DIR = join(import.meta.dir, "..");
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
