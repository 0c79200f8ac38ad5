import { dirname, join, relative, resolve, sep } from "node:path";
import { readRegular } from "../storage/fs.node.ts";
import { MAX_VOTES_BYTES } from "./read-votes.ts";

/** `from "./a.ts"`, `import "./a.ts"`, `import("./a.ts")`. Words of a comment that look alike do no harm: their file is hashed, too. */
const RELATIVE_IMPORT = /\b(?:from|import)\s*\(?\s*["'](\.\.?\/[^"'\n]+)["']/g;

/** What Bun tries after a path without an extension; `a.js` may also be `a.ts`. */
const ENDINGS = ["", ".ts", ".js", "/index.ts", "/index.js"];

/** What has a version of its own. */
const LIBRARY = join(import.meta.dirname, "..") + sep;
const PACKAGES = `${sep}node_modules${sep}`;

/**
 * The files that a module imports by relative paths, and those that they import, without this library and packages.
 *
 * @returns Their bytes by path, relative to the module's folder.
 */
export function filesImportedBy(module: string, bytes: Uint8Array): ReadonlyMap<string, Uint8Array<ArrayBuffer>> {
  const folder = dirname(module);
  const found = new Map<string, Uint8Array<ArrayBuffer>>();
  const open: [string, Uint8Array][] = [[module, bytes]];
  for (const [path, content] of open) {
    for (const [, specifier] of new TextDecoder().decode(content).matchAll(RELATIVE_IMPORT)) {
      const target = resolve(dirname(path), specifier!);
      if (target.startsWith(LIBRARY) || target.includes(PACKAGES)) continue;
      for (const file of [...ENDINGS.map((ending) => target + ending), target.replace(/js$/, "ts")]) {
        if (file === module || found.has(relative(folder, file))) break;
        const imported = bytesOf(file);
        if (imported === undefined) continue;
        found.set(relative(folder, file), imported);
        open.push([file, imported]);
        break;
      }
    }
  }
  return found;
}

/** `undefined` for what is no file: if it is needed, the import says so. */
function bytesOf(path: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return new Uint8Array(readRegular(path, { maxBytes: MAX_VOTES_BYTES }));
  } catch {
    return undefined;
  }
}

/** The path in a configuration of a file beside a module. */
export function besideModule(written: string, file: string): string {
  return join(dirname(written), file).replaceAll(sep, "/");
}
