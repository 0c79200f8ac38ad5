/** Commands in messages, such that they work where they are read: from the folder that the user is in. */
import { dirname, extname, isAbsolute, join, relative } from "node:path";
import { shellWord } from "./names.ts";

const PROJECT_DIR = join(import.meta.dirname, "../..");
/** The package is built: its scripts are started by its one command, and what it needs is installed beside it. */
const IS_PACKAGE = extname(import.meta.filename) === ".js";

/** What starts a script, such as `bun scripts/doctor.ts` in the project's folder. */
export function scriptCommand(name: string): string {
  if (IS_PACKAGE) return `npx carryover ${name}`;
  return `bun ${shellWord(shownPath(join(PROJECT_DIR, "scripts", `${name}.ts`)))}`;
}

/** A command that changes the project's packages, such as `bun install`. */
export function projectCommand(command: string): string {
  return IS_PACKAGE || process.cwd() === PROJECT_DIR ? command : `cd ${shellWord(PROJECT_DIR)} && ${command}`;
}

/** A path as a person would write it: relative to the current folder if it lies inside. */
export function shownPath(path: string): string {
  const here = process.cwd();
  // Everything lies inside the root, and looks wrong without its slash.
  if (dirname(here) === here) return path;
  const inside = relative(here, path);
  return inside.startsWith("..") || isAbsolute(inside) ? path : inside || ".";
}
