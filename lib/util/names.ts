import { CarryoverError } from "../errors.ts";

const FILE_NAME_PART = /^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$/;
/** Windows opens a device under these names, whatever the extension and the case. */
const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\.|$)/i;
/** Names that drivers keep to themselves: a lock would be lost if its file were opened a second time. */
const RESERVED = /^\.(?:tmp-|lock)/;

/**
 * Checks an id before it becomes part of a file's name: 1 to 120 letters, digits, `.`, `_` and `-`, beginning with a
 * letter or digit, not ending in a dot, and no Windows device.
 *
 * @param what What the id is, such as `decision_id`; messages say it.
 * @throws {CarryoverError} `BAD_OUTCOME`.
 */
export function assertFileNamePart(what: string, id: string): void {
  const wrong = !FILE_NAME_PART.test(id)
    ? `1 to 120 letters, digits, ".", "_" and "-", beginning with a letter or digit`
    : WINDOWS_DEVICE.test(id)
      ? "a name that is no Windows device"
      : id.endsWith(".")
        ? "a name that does not end in a dot"
        : undefined;
  if (wrong !== undefined) {
    throw new CarryoverError("BAD_OUTCOME", `Cannot name a file after ${what}: found ${shown(id)}, expected ${wrong}`);
  }
}

/**
 * Checks a name that is handed to a `Storage`: relative, `/` between folders, and nothing that leaves the folder or that
 * drivers keep to themselves (names that begin with `.tmp-` or `.lock`).
 *
 * @throws {CarryoverError} `BAD_USAGE`.
 */
export function assertStorageName(name: string): void {
  const segments = name.split("/");
  const wrong = name.includes("\0")
    ? "a name without NUL"
    : name.includes("\\") || /^[A-Za-z]:/.test(name)
      ? `a relative name with "/" between folders`
      : segments.some((segment) => segment === "" || segment === "." || segment === "..")
        ? `a relative name without empty parts, "." and ".."`
        : segments.some((segment) => RESERVED.test(segment))
          ? `a name that does not begin with ".tmp-" or ".lock"`
          : undefined;
  if (wrong !== undefined) {
    throw new CarryoverError("BAD_USAGE", `Cannot use a file name: found ${shown(name)}, expected ${wrong}`);
  }
}

/** Whether drivers keep a file or folder of this name to themselves and leave it out of listings. */
export function isReservedName(segment: string): boolean {
  return RESERVED.test(segment);
}

/** A name in quotes, its control characters escaped, cut where it would fill the screen. */
function shown(name: string): string {
  return JSON.stringify(name.length > 130 ? `${name.slice(0, 127)}...` : name);
}
