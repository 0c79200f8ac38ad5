/** The engines that slow tests start. CI puts them in the PATH; tests of one that is not there are skipped. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

export interface Engine {
  readonly name: string;
  /** What a script's path and arguments are added to. */
  readonly command: readonly [program: string, ...flags: string[]];
}

/** What starts a script. Bun is the one that runs the tests, the others are found by name in the PATH. */
export const ENGINES: readonly [Engine, Engine, Engine] = [
  { name: "Bun", command: [process.execPath] },
  { name: "Node", command: ["node"] },
  { name: "Deno", command: ["deno", "run", "-A", "--quiet"] },
];

/** Every Node in the PATH, one of each major version from 20 on, also under names such as `node22`. The built package runs on them. */
export function nodesInPath(): Engine[] {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const paths = folders.flatMap((folder) => ["node", "node20", "node22", "node24"].map((name) => join(folder, name)));
  const found = new Map<number, Engine>();
  for (const path of paths.filter((each) => existsSync(each))) {
    const [major] = versionOf(path);
    if (major >= 20 && !found.has(major)) found.set(major, { name: `Node ${major}`, command: [path] });
  }
  return [...found.values()];
}

/** Node runs TypeScript from 22.18 on; an older one counts as missing. */
export function isThere({ name, command: [program] }: Engine): boolean {
  if (Bun.which(program) === null) return false;
  if (name !== "Node") return true;
  return runsTypeScript(program);
}

/** Whether a Node runs files of TypeScript. */
export function runsTypeScript(node: string): boolean {
  const [major, minor] = versionOf(node);
  return major > 22 || (major === 22 && minor >= 18);
}

function versionOf(node: string): [major: number, minor: number] {
  const { stdout } = Bun.spawnSync([node, "-p", "process.versions.node"]);
  const [major = 0, minor = 0] = stdout.toString().split(".").map(Number);
  return [major, minor];
}
