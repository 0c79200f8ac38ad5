import { fail } from "../errors.ts";

const FILE_NAME_PART = /^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$/;
/** Windows opens a device under these names, with any extension and in any case. */
const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\.|$)/i;
/** Names that storage drivers use themselves. A lock would be lost if its file were opened a second time. */
const RESERVED = /^\.(?:tmp-|lock)/;

/**
 * Checks an id that becomes part of a file name: 1 to 120 letters, digits, `.`, `_` and `-`, beginning with a letter or
 * digit, not ending in a dot, and not a Windows device.
 *
 * @param what What the id is, for messages, such as `decision_id`.
 * @throws {CarryoverError} `BAD_OUTCOME`.
 */
export function assertFileNamePart(what: string, id: string): void {
  const expected = requirementOf(id);
  if (expected === undefined) return;
  throw fail("BAD_OUTCOME", `Cannot name a file after ${what}`, { found: shown(id), expected });
}

/** Whether a text can be part of a file's name, see `assertFileNamePart()`. */
export function isFileNamePart(text: string): boolean {
  return requirementOf(text) === undefined;
}

/** What a part of a file's name lacks. */
function requirementOf(id: string): string | undefined {
  if (!FILE_NAME_PART.test(id)) {
    return `1 to 120 letters, digits, ".", "_" and "-", beginning with a letter or digit`;
  }
  if (WINDOWS_DEVICE.test(id)) return "a name that is not a Windows device";
  return id.endsWith(".") ? "a name that does not end in a dot" : undefined;
}

/**
 * Checks a name for a `Storage`: relative, `/` between folders, nothing that leaves the folder, and no name that drivers use
 * themselves (`.tmp-...`, `.lock...`).
 *
 * @throws {CarryoverError} `BAD_USAGE`.
 */
export function assertStorageName(name: string): void {
  const segments = name.split("/");
  let expected: string;
  if (name.includes("\0")) expected = "a name without NUL";
  else if (name.includes("\\") || /^[A-Za-z]:/.test(name)) expected = `a relative name with "/" between folders`;
  else if (segments.some((segment) => segment === "" || segment === "." || segment === "..")) {
    expected = `a relative name without empty parts, "." and ".."`;
  } else if (segments.some(isReservedName)) expected = `a name that does not begin with ".tmp-" or ".lock"`;
  else return;
  throw fail("BAD_USAGE", "Cannot use a file name", { found: shown(name), expected });
}

/**
 * Checks a name that a `Storage` is to make: as `assertStorageName()`, and one that Windows can have too, so that the folder can be
 * copied there. What is there under another name may still be read, moved and removed.
 *
 * @throws {CarryoverError} `BAD_USAGE`.
 */
export function assertNewName(name: string): void {
  assertStorageName(name);
  const segments = name.split("/");
  let expected: string;
  if (/[:*?"<>|\p{Cc}]/u.test(name)) expected = String.raw`a name without : * ? " < > | and control characters`;
  else if (segments.some((segment) => WINDOWS_DEVICE.test(segment))) expected = "a name that is not a Windows device";
  else if (segments.some((segment) => /[. ]$/.test(segment))) expected = "a name that does not end in a dot or space";
  else return;
  throw fail("BAD_USAGE", "Cannot use a file name", { found: shown(name), expected });
}

/** Whether a storage can make a file of this name, see `assertNewName()`. */
export function isNewName(name: string): boolean {
  try {
    assertNewName(name);
    return true;
  } catch {
    return false;
  }
}

/** Whether storage drivers use files or folders of this name themselves; listings leave them out. */
export function isReservedName(segment: string): boolean {
  return RESERVED.test(segment);
}

/** A word of a command line, quoted where a shell would read it otherwise. */
export function shellWord(word: string): string {
  return /^[\w./:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** A name in quotes, its control characters escaped, cut to fit a line. */
function shown(name: string): string {
  return JSON.stringify(name.length > 130 ? `${name.slice(0, 127)}...` : name);
}
