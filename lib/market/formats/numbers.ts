/** Blanks and apostrophes that group thousands in France and Switzerland, and a currency before the number. */
const GROUPS = /(?<=\d)[ \u00A0\u202F'’](?=\d{3})|^[$€£]/g;

/** Words that stand for an empty cell. */
const EMPTY = /^(?:null|nan|none|n\/a|#n\/a|-|nil|na)?$/i;

const SUFFIXES: Readonly<Record<string, number>> = { K: 1e3, M: 1e6, B: 1e9 };

/**
 * Reads a number as people's tools write it.
 *
 * @param cell A number, a bigint, or a text such as `1234.5`, `1,234.50`, `1.234,50` (with `decimalComma`), `1 234.5`, `$5` or `1.2K`.
 * @returns NaN for an empty cell, `undefined` for anything but a number.
 */
export function readNumber(cell: unknown, options: { decimalComma: boolean }): number | undefined {
  if (typeof cell === "number") return cell;
  if (typeof cell === "bigint") return Number(cell);
  if (cell === null || cell === undefined) return Number.NaN;
  if (typeof cell !== "string") return undefined;
  const text = cell.trim();
  // With decimal commas, points group thousands.
  if (isDecimal(text) && !(options.decimalComma && text.includes("."))) {
    const value = Number(options.decimalComma ? text.replace(",", ".") : text);
    if (!Number.isNaN(value)) return value;
  }
  if (EMPTY.test(text)) return Number.NaN;
  return readGrouped(text.replaceAll(GROUPS, ""), options);
}

/** Whether a text begins like a decimal number. Number() would also take blanks, hexadecimal and `Infinity`. */
function isDecimal(text: string): boolean {
  let code = text.charCodeAt(0);
  if (code === 43 || code === 45) code = text.charCodeAt(1);
  return ((code >= 48 && code <= 57) || code === 46) && !(text.charCodeAt(1) > 57 && /^0[xob]/i.test(text));
}

function readGrouped(text: string, { decimalComma }: { decimalComma: boolean }): number | undefined {
  const [group, point] = decimalComma ? [".", ","] : [",", "."];
  const form = new RegExp(`^[+-]?\\d{1,3}(?:\\${group}\\d{3})*(?:\\${point}\\d+)?(?:[eE][+-]?\\d+)?([KMB])?$`);
  const plain = new RegExp(`^[+-]?\\d+(?:\\${point}\\d+)?(?:[eE][+-]?\\d+)?([KMB])?$`);
  const suffix = (form.exec(text) ?? plain.exec(text))?.[1];
  if (suffix === undefined && !form.test(text) && !plain.test(text)) return undefined;
  const digits = text
    .replaceAll(group, "")
    .replace(point, ".")
    .replace(/[KMB]$/, "");
  return Number(digits) * (suffix === undefined ? 1 : SUFFIXES[suffix]!);
}

/** The shortest decimal that is this 32-bit float, as its writer saw it: 28990.08 for 28990.080078125. */
export function shortestFloat32(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
