/** The engines that slow tests start. CI puts them in the PATH; tests of one that is not there are skipped. */

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

/** Node runs TypeScript from 22.18 on; an older one counts as missing. */
export function isThere({ name, command: [program] }: Engine): boolean {
  if (Bun.which(program) === null) return false;
  if (name !== "Node") return true;
  const [major = 0, minor = 0] = Bun.spawnSync([program, "-p", "process.versions.node"])
    .stdout.toString()
    .split(".")
    .map(Number);
  return major > 22 || (major === 22 && minor >= 18);
}
