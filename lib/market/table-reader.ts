import { badData, quote } from "./bar.ts";
import { findColumns, type RowReader, type WantedColumns } from "./find-columns.ts";
import type { Table } from "./formats/foreign-bars.ts";

/** Reads a table of typed cells, such as that of a Parquet file, as if it were text: times as ISO 8601, nulls and NaN as blanks. */
export class TableReader implements RowReader {
  readonly #table: Table;
  readonly names: readonly string[];
  readonly #positions: readonly number[];
  #row = -1;

  /** @throws {CarryoverError} `BAD_DATA` if a column is missing or occurs twice. */
  constructor(table: Table, wanted: WantedColumns) {
    this.#table = table;
    this.names = table.names ?? [];
    this.#positions = findColumns(this.names, wanted, { file: table.file });
  }

  get place(): string {
    return this.#table.placeOf(this.#row);
  }

  next(): boolean {
    this.#row += 1;
    return this.#row < this.#table.rows.length;
  }

  has(column: number): boolean {
    return this.#positions[column] !== -1;
  }

  nameOf(column: number): string {
    return this.names[this.#positions[column]!]!;
  }

  isBlank(column: number): boolean {
    return this.text(column) === "";
  }

  text(column: number): string {
    const cell = this.#table.rows[this.#row]![this.#positions[column]!];
    if (cell === null || cell === undefined || Number.isNaN(cell)) return "";
    return cell instanceof Date && !Number.isNaN(cell.getTime()) ? cell.toISOString() : String(cell).trim();
  }

  number(column: number): number {
    const text = this.text(column);
    return text === "" ? Number.NaN : Number(text);
  }

  refuse(column: number, expected: string): never {
    const text = this.text(column);
    const position = { file: this.#table.file, row: this.place, column: this.nameOf(column) };
    throw badData(position, { found: text === "" ? "nothing" : quote(text), expected });
  }
}
