import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_DIR } from "../samples.ts";

/** Copies parts of the project into a new folder, in which they can be edited. Packages are a link. */
export function copyProject(folder: string, parts: readonly string[]): void {
  mkdirSync(folder, { recursive: true });
  for (const part of parts) cpSync(join(PROJECT_DIR, part), join(folder, part), { recursive: true });
  symlinkSync(join(PROJECT_DIR, "node_modules"), join(folder, "node_modules"));
}
