/** A shorter key is a placeholder, as local servers accept it. Hiding it would garble texts and protect nothing. */
const MIN_KEY_LENGTH = 8;

/** Backslashes in front of a character where JSON is quoted in JSON. The bound keeps the time for a text of backslashes short. */
const MAX_BACKSLASHES = 7;

/**
 * Returns a function that replaces a key in a text by `[key]`, in upper or lower case (host names are in lower case), and also
 * where JSON escapes its characters, as in `\u0073\u006b-...`, where an address does, as in `%73%6b-...`, and in base64, alone or
 * inside something longer, as in the `user:key` of HTTP.
 */
export function redactor(key: string | undefined): (text: string) => string {
  if (key === undefined || key.length < MIN_KEY_LENGTH) return (text) => text;
  const patterns = [key, ...base64Forms(key)].map((form) => {
    const parts = form.match(/\\+|[^\\]/g) ?? [];
    return parts.map((part, i) => patternOf(part, parts[i - 1])).join("");
  });
  // One pass for each, in which a text that begins like none of them is passed over quickly.
  const regExps = patterns.map((pattern) => new RegExp(pattern, "gi"));
  return (text) => regExps.reduce((rest, pattern) => rest.replaceAll(pattern, "[key]"), text);
}

/** The digits of base64 that depend on the key alone, for each of the three places of its first byte among three bytes. */
function base64Forms(key: string): string[] {
  const bytes = new TextEncoder().encode(key);
  return [0, 1, 2].flatMap((offset) => {
    const digits = btoa(String.fromCharCode(...new Uint8Array(offset), ...bytes));
    const inside = digits.slice(Math.ceil((8 * offset) / 6), Math.floor((8 * (offset + bytes.length)) / 6));
    const forUrls = inside.replaceAll("+", "-").replaceAll("/", "_");
    return forUrls === inside ? [inside] : [inside, forUrls];
  });
}

/** The secrets that a server is sent. */
export class Secrets {
  readonly #redactors = new Map<string, (text: string) => string>();

  constructor(secrets: readonly string[]) {
    for (const secret of secrets) this.add(secret);
  }

  /** @returns The secret, which is hidden from now on. */
  add(secret: string): string {
    if (!this.#redactors.has(secret)) this.#redactors.set(secret, redactor(secret));
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
    return String.raw`(?:\\|u005c|%5c){${part.length},${(part.length + 1) * (MAX_BACKSLASHES + 1)}}`;
  }
  const hex = part.charCodeAt(0).toString(16).padStart(4, "0");
  const escape = before?.startsWith("\\") === true ? "" : String.raw`\\{0,${MAX_BACKSLASHES}}`;
  // An address in an address has its percent signs escaped.
  const percent = [...new TextEncoder().encode(part)].map(
    (byte) => `%(?:25){0,3}${byte.toString(16).padStart(2, "0")}`,
  );
  return String.raw`${escape}(?:\u${hex}|u${hex}|${percent.join("")})`;
}
