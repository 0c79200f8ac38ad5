import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dir, "found");

/** The file that keeps an input on which a decoder failed. */
export function foundFile(target: string, id: string): string {
  return join(FOLDER, `${slugOf(target)}--${id}.bin`);
}

/** The kept inputs of a decoder. */
export function foundInputs(target: string): { name: string; bytes: Uint8Array<ArrayBuffer> }[] {
  return readdirSync(FOLDER)
    .filter((name) => name.startsWith(`${slugOf(target)}--`))
    .map((name) => ({ name, bytes: new Uint8Array(readFileSync(join(FOLDER, name))) }));
}

function slugOf(target: string): string {
  return target.replaceAll(/[^A-Za-z0-9.]+/g, "-");
}
