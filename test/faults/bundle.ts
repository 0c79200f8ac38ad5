import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const bundles = new Map<string, Promise<string>>();

/** Bundles a program of this folder into one file, which starts in half the time. Returns its path. */
export function bundle(name: string): Promise<string> {
  const made = bundles.get(name) ?? build(name);
  bundles.set(name, made);
  return made;
}

async function build(name: string): Promise<string> {
  const outdir = fs.mkdtempSync(join(tmpdir(), "carryover-bundle-"));
  process.once("exit", () => fs.rmSync(outdir, { recursive: true, force: true }));
  const { outputs } = await Bun.build({ entrypoints: [join(import.meta.dir, name)], outdir, target: "bun" });
  const program = outputs.find(({ kind }) => kind === "entry-point");
  if (program === undefined) throw new Error(`the program "${name}" was not built`);
  return program.path;
}
