/**
 * Providers of the type `module` are code of the user's that runs in this process. What they leave unhandled would end it with a
 * bare stack, and `process.exit` without a word and with any code.
 */
import { join, sep } from "node:path";
import { CarryoverError, messageOf } from "../lib/errors.ts";

const PROJECT_DIR = join(import.meta.dir, "..");
const OWN_FOLDERS = ["lib", "scripts", "node_modules"].map((name) => join(PROJECT_DIR, name) + sep);

/** How long a script that is done waits for what a module left open. */
const LAST_CALL_MS = 3000;

/**
 * Watches over modules for as long as the process lives.
 *
 * @param modules Their paths, for messages.
 * @param onStray Told what a module did; returns whether the process may end at once.
 * @returns To be called when the script is done: ends the process after a moment if a module, by a timer or a connection that it
 * left open, does not let it end.
 */
export function guardModules(modules: readonly string[], onStray: (error: CarryoverError) => boolean): () => void {
  const named = modules.map((path) => `"${path}"`).join(", ");
  const onUnhandled = (thrown: unknown): void => {
    // What process.exit threw below was told there.
    if (thrown instanceof StrayExit) return;
    const where = placeIn(thrown) ?? `some place in ${named}`;
    const found = `found an error that nobody handles at ${where} (${messageOf(thrown)})`;
    onStray(stray(`${found}, expected a module to handle its own`, thrown));
  };
  process.on("unhandledRejection", onUnhandled);
  process.on("uncaughtException", onUnhandled);

  const exit = process.exit.bind(process);
  process.exit = (code) => {
    const thrown = new StrayExit(`process.exit(${code ?? ""})`);
    const where = placeIn(thrown) ?? `some place in ${named}`;
    if (onStray(stray(`found ${thrown.message} called at ${where}, expected a module to return`))) exit(1);
    throw thrown;
  };
  return () => {
    // Alone this timer keeps no process alive.
    setTimeout(() => exit(), LAST_CALL_MS).unref();
  };
}

/** Takes the place of an end of the process. */
class StrayExit extends Error {}

function stray(what: string, cause?: unknown): CarryoverError {
  return new CarryoverError("UNANSWERED", `Cannot go on: ${what}`, { cause });
}

/** The innermost line of a stack that is neither ours nor a package's, such as `"/home/me/my.ts:5:9"`. */
function placeIn(thrown: unknown): string | undefined {
  const stack = thrown instanceof Error ? (thrown.stack ?? "") : "";
  for (const [, place = ""] of stack.matchAll(/^\s+at .*?\(?((?:\/|[A-Za-z]:\\).*:\d+:\d+)\)?$/gm)) {
    if (!OWN_FOLDERS.some((folder) => place.startsWith(folder))) return `"${place}"`;
  }
  return undefined;
}
