/** Trades in a CSV of any program. A map says which columns have what, unless they have the names of an outcome's fields. */
import { type CarryoverError, fail } from "../errors.ts";
import type { Table } from "../market/formats/foreign-bars.ts";
import { readNumber } from "../market/formats/numbers.ts";
import { readTextTable } from "../market/formats/text-table.ts";
import { readTimes } from "../market/formats/times.ts";
import { closest } from "../util/closest.ts";
import { isRecord } from "../util/json.ts";
import { openZone } from "../util/zones.ts";
import type { ColumnMap, Findings, OutcomeReader, ReadOptions } from "./findings.ts";
import { type ForeignTrade, percentOf, voterOf } from "./foreign-trade.ts";

const TIMES = ["entry_timestamp", "exit_timestamp"] as const;
const REQUIRED = ["asset_pair", "action", ...TIMES] as const;
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
type Numbers = Partial<Record<(typeof NUMBERS)[number], number>>;
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
  // By a line that has the names, as a table would have to be read whole: any other text may be a damaged one.
  owns: ({ text, json }, { map }) => {
    if (text === undefined || json !== undefined) return false;
    const mapped = Object.values(map?.fields ?? {}).filter((column) => !column.startsWith("="));
    return firstLines(text).some((cells) => {
      const isThere = (column: string): boolean => cells.includes(column.toLowerCase());
      return map === undefined ? REQUIRED.every(isThere) : mapped.some(isThere);
    });
  },
  read: (sources, findings, options) => {
    for (const source of sources) {
      const table = readTextTable(source.bytes, source.name);
      if (table?.names === undefined) {
        throw fail("BAD_DATA", `Cannot read "${source.name}"`, {
          found: "no header, or fewer than five columns",
          expected: "a CSV of trades",
        });
      }
      readRows(table, columnsOf(table, table.names, options.map), { findings, options });
    }
  },
};

/** Cells of the lines that may be a header, in lower case, whatever separates them. */
function firstLines(text: string): readonly (readonly string[])[] {
  const lines = text
    .slice(0, 65_536)
    .toLowerCase()
    .split(/\r?\n|\r/, 20);
  return lines.map((line) => line.split(/[,;\t|]/).map((cell) => cell.trim().replaceAll(/^"|"$/g, "")));
}

function indexOf(names: readonly string[], column: string): number {
  return names.findIndex((name) => name.toLowerCase() === column.toLowerCase());
}

/** The cells of a row by field, and by word of the situation. */
interface Columns {
  readonly cell: (row: number, field: string) => string;
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
    situation: Object.entries(map?.situation ?? {}).map(([word, column]) => [word, locate(column, word)] as const),
  };
}

function readRows(table: Table, columns: Columns, into: { findings: Findings; options: ReadOptions }): void {
  const rows = table.rows.map((_, row) => row);
  // Both columns at once: one may not tell which of 05/01 is the day, and the other may.
  const cells = TIMES.flatMap((field) => rows.map((row) => ({ row, field, text: columns.cell(row, field) })));
  const times = readTimes(cells.map(({ text }) => text));
  if (!("ms" in times)) {
    const { row, field, text } = cells[times.row]!;
    const found = `${JSON.stringify(text)} for ${field} in ${table.placeOf(row)}`;
    throw fail("BAD_DATA", `Cannot read "${table.file}"`, { found, expected: times.expected });
  }
  const { timezone } = into.options;
  const isLocal = times.zone === undefined;
  if (isLocal && timezone === undefined) into.findings.isUtcAssumed = true;
  const zone = openZone((isLocal ? timezone : undefined) ?? "UTC");
  // Of an hour that the clock repeats, the later one: nothing is known before its time.
  const epochOf = (ms: number): number | undefined => (Number.isNaN(ms) ? ms : zone.toEpoch(ms, Infinity));
  for (const row of rows) {
    const place = `${table.file}, ${table.placeOf(row)}`;
    const [entryMs, exitMs] = [epochOf(times.ms[row]!), epochOf(times.ms[rows.length + row]!)];
    if (entryMs === undefined || exitMs === undefined) {
      into.findings.skip(`trades at a time that the clock of ${zone.name} skips`, place);
      continue;
    }
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
  const numbers: Numbers = {};
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
  if (typeof result === "string") return result;
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
    provider: voterOf(text("ai_provider"), options.provider),
    confidence: numbers.decision_confidence,
    regime: text("regime"),
    sentence: sentenceOf(row, asset, columns),
  };
}

/** P&L, P&L in percent and size, or why they are not known. Without a size the P&L is that of one unit, before fees. */
function resultOf(numbers: Numbers, direction: 1 | -1): Pick<ForeignTrade, "pnl" | "pnlPct" | "size"> | string {
  const { entry_price: entry, exit_price: exit, realized_pnl: stated, fee_cost: fees = 0 } = numbers;
  const size = numbers.position_size === undefined ? undefined : Math.abs(numbers.position_size);
  const move = entry === undefined || exit === undefined ? undefined : direction * (exit - entry);
  const moved = move === undefined || !size ? undefined : move * size;
  const pnl = stated ?? (moved === undefined ? move : moved - fees);
  if (pnl === undefined) return "without a result: realized_pnl, or entry_price and exit_price";
  const pnlPct = numbers.pnl_percentage ?? (entry ? percentIn({ pnl, entry, size, move, moved, fees }) : undefined);
  if (pnlPct === undefined) return "without a result in percent: pnl_percentage, or entry_price and position_size";
  return { pnl, pnlPct, size };
}

/** Of the position, or else of its price: a lot is many units, and an account may have another currency than the price. */
function percentIn(trade: {
  pnl: number;
  entry: number;
  size: number | undefined;
  move: number | undefined;
  moved: number | undefined;
  fees: number;
}): number | undefined {
  const { pnl, entry, size, move, moved, fees } = trade;
  const isOfUnits = moved === undefined || Math.abs(pnl - moved) <= Math.abs(moved) / 2 + Math.abs(fees);
  if (size && isOfUnits) return percentOf(pnl, entry * size);
  return move === undefined ? undefined : percentOf(move, entry);
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
