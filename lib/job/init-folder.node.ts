/** A folder of the user's own: a configuration, and a provider of each kind that it runs. */
import { spawnSync } from "node:child_process";
import { lstatSync, readFileSync, statSync } from "node:fs";
import { isAbsolute, join, relative } from "node:path";
import { fail } from "../errors.ts";
import { attempt, CREATE_ONLY, discard, makeFolder, withFile, writeAll } from "../storage/fs.node.ts";

/** Files of `docs/examples/`, in the order in which they are named. */
const FILES = ["config.yaml", "contrarian.ts", "provider.py", "votes.csv"] as const;

/** Another of them, which checks the types of the module. A folder that has one keeps its own. */
const TYPES_FILE = "tsconfig.json";

const PROJECT_DIR = join(import.meta.dirname, "../..");

/** How the examples name the folder of Carryover. */
const PROJECT_IN_EXAMPLES = "../..";

/** What was written. */
export interface InitResult {
  /** Names in the folder. */
  readonly files: readonly string[];
  /** Whether the configuration runs `provider.py`: without Python its line is a comment. */
  readonly python: boolean;
}

/**
 * Copies the examples into a folder, which is made if it is missing. Nothing is overwritten; after an error none of its files is left.
 *
 * @param dir Absolute.
 * @throws {CarryoverError} `BAD_USAGE` if one of the files is there, or a file is in the folder's place; `IO`.
 */
export function initFolder(dir: string): InitResult {
  assertFree(dir);
  const python = spawnSync("python3", ["--version"]).status === 0;
  const project = pathOfProject(dir);
  attempt("make", dir, () => makeFolder(dir));
  const written: string[] = [];
  const files = isThere(join(dir, TYPES_FILE)) ? FILES : [...FILES, TYPES_FILE];
  try {
    for (const name of files) {
      const text = readFileSync(join(PROJECT_DIR, "docs/examples", name), "utf8");
      const path = join(dir, name);
      attempt("write", path, () =>
        withFile(path, CREATE_ONLY, (fd) => {
          written.push(path);
          writeAll(fd, new TextEncoder().encode(adapt(text, { project, python })), 0);
        }),
      );
    }
  } catch (error) {
    written.forEach(discard);
    throw error;
  }
  return { files, python };
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function assertFree(dir: string): void {
  const stat = attempt("read", dir, () => statSync(dir, { throwIfNoEntry: false }));
  if (stat?.isFile() === true) {
    throw fail("BAD_USAGE", `Cannot write into "${dir}"`, { found: "a file", expected: "a folder, or nothing there" });
  }
  const taken = FILES.filter((name) => isThere(join(dir, name)));
  if (taken.length === 0) return;
  throw fail("BAD_USAGE", `Cannot write into "${dir}"`, {
    found: `${taken.map((name) => `"${name}"`).join(", ")} there`,
    expected: "none of them: name another folder",
  });
}

/** From a folder inside the project a relative path, so that both can be moved together; else an absolute one. */
function pathOfProject(dir: string): string {
  const inside = relative(PROJECT_DIR, dir);
  return inside.startsWith("..") || isAbsolute(inside) ? PROJECT_DIR : relative(dir, PROJECT_DIR) || ".";
}

function adapt(text: string, { project, python }: { project: string; python: boolean }): string {
  const paths = text
    .replace(
      `data_dir: ${PROJECT_IN_EXAMPLES}/data/sample`,
      () => `data_dir: ${JSON.stringify(`${project}/data/sample`)}`,
    )
    .replace(`"${PROJECT_IN_EXAMPLES}/lib/mod.ts"`, () => JSON.stringify(`${project}/lib/mod.ts`));
  return python ? paths : paths.replace("  - { name: mine,", "  # - { name: mine,");
}
