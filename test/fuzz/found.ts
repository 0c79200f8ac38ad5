import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dir, "found");

/** Where an input is kept that a decoder stumbled over. */
export function foundFile(target: string, id: string): string {
  return join(FOLDER, `${slugOf(target)}--${id}.bin`);
}

/** The inputs that were kept for a decoder. */
export function foundInputs(target: string): { name: string; bytes: Uint8Array<ArrayBuffer> }[] {
  return readdirSync(FOLDER)
    .filter((name) => name.startsWith(`${slugOf(target)}--`))
    .map((name) => ({ name, bytes: new Uint8Array(readFileSync(join(FOLDER, name))) }));
}

function slugOf(target: string): string {
  return target.replaceAll(/[^A-Za-z0-9.]+/g, "-");
}
