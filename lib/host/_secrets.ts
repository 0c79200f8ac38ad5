/** A shorter key is a dummy, as servers of one's own take it: hiding it would make words unreadable and hide nothing. */
const SHORTEST_SECRET = 8;

/** Backslashes before a character, where JSON is quoted in JSON. A bound, so that a text of backslashes alone takes no time. */
const BACKSLASHES = String.raw`\\{0,7}`;

/**
 * Returns what takes a key out of a text, in whatever case (the name of a host is in small letters), and also where JSON
 * escapes its characters, as in `\u0073\u006b-...`: so nothing that is read out of the text has it.
 */
export function hiderOf(key: string | undefined): (text: string) => string {
  if (key === undefined || key.length < SHORTEST_SECRET) return (text) => text;
  const characters = key.split("").map((character) => {
    const hex = character.charCodeAt(0).toString(16).padStart(4, "0");
    return String.raw`${BACKSLASHES}(?:\u${hex}|u${hex})`;
  });
  const pattern = new RegExp(characters.join(""), "gi");
  return (text) => text.replaceAll(pattern, "[key]");
}
