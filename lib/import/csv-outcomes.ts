/** Trades in a CSV of any program. A map says which columns have what, unless they have the names of an outcome's fields. */
import { type CarryoverError, fail } from "../errors.ts";
import type { Table } from "../market/formats/foreign-bars.ts";
import { readNumber } from "../market/formats/numbers.ts";
import { readTextTable } from "../market/formats/text-table.ts";
import { readTimes } from "../market/formats/times.ts";
import { closest } from "../util/closest.ts";
import { isRecord } from "../util/json.ts";
import type { ColumnMap, Findings, OutcomeReader, ReadOptions, Source } from "./findings.ts";
import { type ForeignTrade, percentOf } from "./foreign-trade.ts";

const REQUIRED = ["asset_pair", "action", "entry_timestamp", "exit_timestamp"] as const;
const NUMBERS = [
  "entry_price",
  "exit_price",
  "stop_price",
  "position_size",
  "realized_pnl",
  "pnl_percentage",
  "result_r",
  "fee_cost",
  "decision_confidence",
] as const;
const TEXTS = ["decision_id", "ai_provider", "regime", "exit_reason"] as const;
/** The fields that a column can have. */
const FIELDS: readonly string[] = [...REQUIRED, ...NUMBERS, ...TEXTS];

const MAP_FORM = 'columns by field, such as "asset_pair: Symbol"';

/**
 * Reads a map of columns, YAML or JSON: a column's name by field, or `=text` for the same text in every row. Below `situation` there are
 * further columns, by the word that the situation's sentence says.
 *
 * @throws {CarryoverError} `BAD_USAGE`.
 */
export async function parseColumnMap(text: string, file: string): Promise<ColumnMap> {
  const { parse } = await import("yaml");
  const bad = (found: string, expected: string): CarryoverError =>
    fail("BAD_USAGE", `Cannot read "${file}"`, { found, expected });
  let map: unknown;
  try {
    map = parse(text);
  } catch (error) {
    throw bad(`no YAML (${error instanceof Error ? error.message.split("\n")[0] : ""})`, MAP_FORM);
  }
  if (!isRecord(map)) throw bad("no map", MAP_FORM);
  const { situation = {}, ...fields } = map;
  const unknown = Object.keys(fields).find((key) => !FIELDS.includes(key));
  if (unknown !== undefined) {
    const meant = closest(unknown, FIELDS);
    throw bad(`the field "${unknown}"`, meant === undefined ? `one of ${FIELDS.join(", ")}, situation` : `"${meant}"`);
  }
  if (!areTexts(fields) || !isRecord(situation) || !areTexts(situation)) throw bad("a value that is no text", MAP_FORM);
  return { fields, situation };
}

function areTexts(values: Record<string, unknown>): values is Record<string, string> {
  return Object.values(values).every((value) => typeof value === "string" && value !== "");
}

export const csv: OutcomeReader = {
  system: "csv",
  owns: (source, options) => {
    const names = tableOf(source)?.names;
    if (names === undefined) return false;
    return options.map !== undefined || REQUIRED.every((field) => indexOf(names, field) !== -1);
  },
  read: (sources, findings, options) => {
    for (const source of sources) {
      const table = tableOf(source);
      if (table?.names === undefined) {
        throw fail("BAD_DATA", `Cannot read "${source.name}"`, {
          found: "no header and five columns",
          expected: "a CSV of trades",
        });
      }
      readRows(table, columnsOf(table, table.names, options.map), { findings, options });
    }
  },
};

function tableOf({ text, json, bytes, name }: Source): Table | undefined {
  return text === undefined || json !== undefined ? undefined : readTextTable(bytes, name);
}

function indexOf(names: readonly string[], column: string): number {
  return names.findIndex((name) => name.toLowerCase() === column.toLowerCase());
}

/** The cells of a row by field, and by word of the situation. */
interface Columns {
  readonly cell: (row: number, field: string) => string;
  readonly has: (field: string) => boolean;
  readonly situation: readonly (readonly [word: string, cell: (row: number) => string])[];
}

function columnsOf(table: Table, names: readonly string[], map: ColumnMap | undefined): Columns {
  const located = new Map<string, (row: number) => string>();
  const locate = (column: string, what: string): ((row: number) => string) => {
    if (column.startsWith("=")) return () => column.slice(1).trim();
    const index = indexOf(names, column);
    if (index !== -1) return (row) => String(table.rows[row]![index] ?? "").trim();
    throw fail("BAD_USAGE", `Cannot read "${table.file}"`, {
      found: `the columns ${names.map((name) => JSON.stringify(name)).join(", ")}`,
      expected: `"${column}" for ${what}: --map FILE says which columns have what`,
    });
  };
  for (const field of FIELDS) {
    const column = map?.fields[field];
    const isNeeded = column !== undefined || REQUIRED.some((name) => name === field);
    if (isNeeded || indexOf(names, field) !== -1) located.set(field, locate(column ?? field, field));
  }
  return {
    cell: (row, field) => located.get(field)?.(row) ?? "",
    has: (field) => located.has(field),
    situation: Object.entries(map?.situation ?? {}).map(([word, column]) => [word, locate(column, word)] as const),
  };
}

function readRows(table: Table, columns: Columns, into: { findings: Findings; options: ReadOptions }): void {
  const rows = table.rows.map((_, row) => row);
  const times = (["entry_timestamp", "exit_timestamp"] as const).map((field) => {
    const read = readTimes(rows.map((row) => columns.cell(row, field)));
    if ("ms" in read) return read.ms;
    const found = `${JSON.stringify(columns.cell(read.row, field))} for ${field} in ${table.placeOf(read.row)}`;
    throw fail("BAD_DATA", `Cannot read "${table.file}"`, { found, expected: read.expected });
  });
  for (const row of rows) {
    const place = `${table.file}, ${table.placeOf(row)}`;
    const [entryMs, exitMs] = [times[0]![row]!, times[1]![row]!];
    const trade = tradeOfRow(row, { table, columns, options: into.options, entryMs, exitMs });
    if (typeof trade === "string") into.findings.skip(`trades ${trade}`, place);
    else into.findings.trades.push({ trade, system: "csv", place });
  }
}

function tradeOfRow(
  row: number,
  from: { table: Table; columns: Columns; options: ReadOptions; entryMs: number; exitMs: number },
): ForeignTrade | string {
  const { columns, options, entryMs, exitMs, table } = from;
  const text = (field: string): string | undefined => columns.cell(row, field) || undefined;
  const numbers: Partial<Record<(typeof NUMBERS)[number], number>> = {};
  for (const field of NUMBERS) {
    const value = readNumber(columns.cell(row, field).replaceAll(/[%$€£\s]/g, ""), {
      decimalComma: table.decimalComma,
    });
    if (value === undefined) return `without a number for ${field}`;
    if (!Number.isNaN(value)) numbers[field] = value + 0;
  }
  const asset = text("asset_pair");
  const action = actionOf(text("action") ?? "");
  if (asset === undefined || Number.isNaN(entryMs)) return "without asset or entry time";
  if (Number.isNaN(exitMs)) return "that are still open";
  if (action === undefined) return "that are neither long nor short";
  const result = resultOf(numbers, action === "BUY" ? 1 : -1);
  if (result === undefined) return "without a result: realized_pnl, or entry_price and exit_price";
  return {
    id: text("decision_id"),
    identity: [action, entryMs, exitMs],
    asset,
    action,
    entryMs,
    exitMs,
    ...result,
    entryPrice: numbers.entry_price,
    exitPrice: numbers.exit_price,
    stopPrice: numbers.stop_price,
    fees: numbers.fee_cost,
    resultR: numbers.result_r,
    exitReason: text("exit_reason"),
    provider: text("ai_provider") ?? options.provider,
    confidence: numbers.decision_confidence,
    regime: text("regime"),
    sentence: sentenceOf(row, asset, columns),
  };
}

/** P&L, P&L in percent and size. Without a size the result is that of one unit. */
function resultOf(
  numbers: Partial<Record<(typeof NUMBERS)[number], number>>,
  direction: 1 | -1,
): Pick<ForeignTrade, "pnl" | "pnlPct" | "size"> | undefined {
  const { entry_price: entry, exit_price: exit, realized_pnl: stated, pnl_percentage: percent } = numbers;
  const size = numbers.position_size === undefined ? undefined : Math.abs(numbers.position_size);
  const move = entry === undefined || exit === undefined ? undefined : direction * (exit - entry);
  const pnl = stated ?? (move === undefined ? undefined : move * (size ?? 1) - (numbers.fee_cost ?? 0));
  if (pnl === undefined) return undefined;
  if (percent !== undefined) return { pnl, pnlPct: percent, size };
  if (!entry) return undefined;
  return { pnl, pnlPct: size ? percentOf(pnl, entry * size) : percentOf(move ?? pnl, entry), size };
}

/** A word, or the sign of a number, as programs sign the sizes of short positions. */
function actionOf(cell: string): ForeignTrade["action"] | undefined {
  if (/^(?:buy|long|b|l)$/i.test(cell)) return "BUY";
  if (/^(?:sell|short|s)$/i.test(cell)) return "SELL";
  const number = cell === "" ? 0 : Number(cell);
  return number > 0 ? "BUY" : number < 0 ? "SELL" : undefined;
}

function sentenceOf(row: number, asset: string, { situation }: Columns): string | undefined {
  const parts = situation
    .map(([word, cell]) => ({ word, value: cell(row).replaceAll(". ", ", ") }))
    .filter(({ value }) => value !== "");
  if (parts.length === 0) return undefined;
  return `${asset} is in a market: ${parts.map(({ word, value }) => `${word} ${value}`).join(", ")}.`;
}
