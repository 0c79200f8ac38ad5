import { badData, type FilePosition, quote } from "./bar.ts";

/** The columns that a table should have, by names in lower case. */
export interface WantedColumns {
  readonly columns: readonly string[];
  readonly optional?: readonly string[];
  /** Those in place of both where a file with these names has another form. `names`: as the file has them. */
  readonly otherForm?: (names: readonly string[]) => readonly string[] | undefined;
  /** Other names of a column, in lists. A list counts only if no name of the lists before it is there. */
  readonly aliases?: Readonly<Record<string, readonly (readonly string[])[]>>;
  /** What else helps where a column is missing or not the only one, for the end of a message. `names`: as the file has them. */
  readonly advice?: (column: string, names: readonly string[]) => string;
}

/**
 * Finds columns by their names, in any order and case. Columns that nobody asked for are ignored.
 *
 * @param names As the file has them.
 * @returns The position of each of `columns` and then of `optional`, or of those of the other form; -1 for an optional one that is missing.
 * @throws {CarryoverError} `BAD_DATA` if a column is missing, or two have its name.
 */
export function findColumns(names: readonly string[], wanted: WantedColumns, at: FilePosition): readonly number[] {
  const { aliases = {}, advice = () => "", otherForm = () => undefined } = wanted;
  const other = otherForm(names);
  const columns = other ?? wanted.columns;
  const optional = other === undefined ? (wanted.optional ?? []) : [];
  const lower = names.map((name) => name.toLowerCase());
  return [...columns, ...optional].map((column, index) => {
    // A column may be called constructor.
    const others = Object.hasOwn(aliases, column) ? aliases[column]! : [];
    const places = [[column], ...others]
      .map((list) => lower.flatMap((name, i) => (list.includes(name) ? [i] : [])))
      .find((found) => found.length > 0);
    if (places === undefined) {
      if (index >= columns.length) return -1;
      const found = `the columns ${quote(names.join(","))}`;
      const known = [column, ...(others[0] ?? [])].map(quote);
      const list = known.length === 1 ? known[0]! : `${known.slice(0, -1).join(", ")} or ${known.at(-1)!}`;
      throw badData(at, { found, expected: `a column ${list}${advice(column, names)}` });
    }
    const [first, second] = places as [number, number?];
    if (second === undefined) return first;
    if (lower[first] === lower[second]) {
      throw badData({ ...at, column: names[first]! }, { found: "the column twice", expected: "it once" });
    }
    const found = `the columns ${places.map((place) => quote(names[place]!)).join(" and ")}`;
    throw badData(at, { found, expected: `one of them, or a column ${quote(column)}${advice(column, names)}` });
  });
}

/** Reads a table row by row. Methods take the index of a column among those that are wanted. */
export interface RowReader {
  /** Where the current row is, such as `line 17`. */
  readonly place: string;
  /** Of all columns, as the file has them. */
  readonly names: readonly string[];
  /** Goes to the next row; false at the end. */
  next(): boolean;
  has(column: number): boolean;
  /** What the file calls a column that it has. */
  nameOf(column: number): string;
  isBlank(column: number): boolean;
  text(column: number): string;
  /** NaN for what is no number. */
  number(column: number): number;
  /** Throws `BAD_DATA` about a field of the current row. */
  refuse(column: number, expected: string): never;
}
