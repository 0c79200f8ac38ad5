/** A shorter key is a placeholder, as local servers accept it. Hiding it would garble texts and protect nothing. */
const MIN_KEY_LENGTH = 8;

/** Backslashes in front of a character where JSON is quoted in JSON. The bound keeps the time for a text of backslashes short. */
const MAX_BACKSLASHES = 7;

/**
 * Returns a function that replaces a key in a text by `[key]`, in upper or lower case (host names are in lower case) and also
 * where JSON escapes its characters, as in `\u0073\u006b-...`.
 */
export function redactor(key: string | undefined): (text: string) => string {
  if (key === undefined || key.length < MIN_KEY_LENGTH) return (text) => text;
  const parts = key.match(/\\+|[^\\]/g) ?? [];
  const pattern = new RegExp(parts.map((part, i) => patternOf(part, parts[i - 1])).join(""), "gi");
  return (text) => text.replaceAll(pattern, "[key]");
}

/** The secrets that a server is sent. */
export class Secrets {
  readonly #redactors = new Map<string, (text: string) => string>();

  constructor(secrets: readonly string[]) {
    for (const secret of secrets) this.add(secret);
  }

  /** @returns The secret, which is hidden from now on. */
  add(secret: string): string {
    this.#redactors.set(secret, redactor(secret));
    return secret;
  }

  /** A text without them. */
  hide(text: string): string {
    return [...this.#redactors.values()].reduce((rest, redact) => redact(rest), text);
  }
}

/** The pattern of a character or of a run of backslashes, which differs from escaping backslashes only in its length. */
function patternOf(part: string, before: string | undefined): string {
  if (part.startsWith("\\")) {
    // Each of them and the next character may be escaped. One bound for all, since bounds in a row multiply.
    return String.raw`(?:\\|u005c){${part.length},${(part.length + 1) * (MAX_BACKSLASHES + 1)}}`;
  }
  const hex = part.charCodeAt(0).toString(16).padStart(4, "0");
  const escape = before?.startsWith("\\") === true ? "" : String.raw`\\{0,${MAX_BACKSLASHES}}`;
  return String.raw`${escape}(?:\u${hex}|u${hex})`;
}
