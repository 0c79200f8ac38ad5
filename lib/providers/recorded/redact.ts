/** A shorter key is a dummy, as servers of one's own take it: hiding it would make words unreadable and hide nothing. */
const SHORTEST_SECRET = 8;

/** At most so many backslashes are before a character, where JSON is quoted in JSON. A bound, so that a text of them takes no time. */
const MAX_BACKSLASHES = 7;

/**
 * Returns what takes a key out of a text, in whatever case (the name of a host is in small letters), and also where JSON
 * escapes its characters, as in `\u0073\u006b-...`: so nothing that is read out of the text has it.
 */
export function redactor(key: string | undefined): (text: string) => string {
  if (key === undefined || key.length < SHORTEST_SECRET) return (text) => text;
  const parts = key.match(/\\+|[^\\]/g) ?? [];
  const pattern = new RegExp(parts.map((part, i) => patternOf(part, parts[i - 1])).join(""), "gi");
  return (text) => text.replaceAll(pattern, "[key]");
}

/** The pattern of a character, or of the backslashes in a row, which are told apart from those that escape only by their number. */
function patternOf(part: string, before: string | undefined): string {
  if (part.startsWith("\\")) {
    // Each may be escaped, as well as the character after them: one bound for all, since bounds in a row multiply.
    return String.raw`(?:\\|u005c){${part.length},${(part.length + 1) * (MAX_BACKSLASHES + 1)}}`;
  }
  const hex = part.charCodeAt(0).toString(16).padStart(4, "0");
  const escape = before?.startsWith("\\") === true ? "" : String.raw`\\{0,${MAX_BACKSLASHES}}`;
  return String.raw`${escape}(?:\u${hex}|u${hex})`;
}
