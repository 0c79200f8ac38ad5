/* oxlint-disable no-control-regex -- these are what is looked for */
/**
 * Control characters but tab and newline: C0, DEL and C1, with which a terminal is told what to do (U+009B begins such a command
 * as ESC [ does), and the characters that change the direction of writing (Unicode TR 9).
 */
const CONTROLS = /[\0-\x08\x0B-\x1F\x7F-\x9F\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g;
/* oxlint-enable no-control-regex */

/** Their pattern, for patterns that make exceptions. */
export const CONTROLS_SOURCE: string = CONTROLS.source;

/** A text with U+FFFD in place of each control character: names, reasons and messages may come from a model, a program or a file. */
export function withoutControls(text: string): string {
  return text.replaceAll(CONTROLS, "\uFFFD");
}

/** JSON of the same value with every control character escaped: `JSON.stringify()` escapes the first 32 only. */
export function escapeControls(json: string): string {
  return json.replaceAll(CONTROLS, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
