/**
 * The table of docs/DURABILITY.md: `| # | fault | what holds | how it is tested | injected |`. The first three columns are
 * written by hand, the last two by the sweep.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_DIR } from "../samples.ts";

const FILE = join(PROJECT_DIR, "docs/DURABILITY.md");
const BEGIN = "<!-- sweep: the last two columns are written by `bun run test:faults` -->";
const END = "<!-- end of sweep -->";
const ROW = /^\| (\d+) \| ([^|]+) \| ([^|]+) \|[^|]*\|[^|]*\|$/;

/** A way in which a row was tested, and how often. */
export interface Tested {
  readonly how: string;
  readonly injected: number;
}

/** Returns the row numbers of the table. */
export function matrixRows(): readonly number[] {
  return tableOf(readFileSync(FILE, "utf8")).rows.map(({ number }) => number);
}

/** Writes how each row was tested. Counts of equal ways are added up. */
export function writeMatrix(tests: ReadonlyMap<number, readonly Tested[]>): void {
  const text = readFileSync(FILE, "utf8");
  const { before, header, rows, after } = tableOf(text);
  const lines = rows.map(({ number, fault, holds }) => {
    const ways = new Map<string, number>();
    for (const { how, injected } of tests.get(number) ?? []) ways.set(how, (ways.get(how) ?? 0) + injected);
    const how = [...ways].map(([words, count]) => `${words}: ${count}`).join("; ");
    const total = [...ways.values()].reduce((sum, count) => sum + count, 0);
    return `| ${number} | ${fault} | ${holds} | ${how === "" ? "not yet" : how} | ${total} |`;
  });
  writeFileSync(FILE, [before, BEGIN, "", ...header, ...lines, "", END, after].join("\n"));
}

interface Table {
  readonly before: string;
  readonly header: readonly string[];
  readonly rows: readonly { readonly number: number; readonly fault: string; readonly holds: string }[];
  readonly after: string;
}

function tableOf(text: string): Table {
  const [before, rest] = text.split(`\n${BEGIN}\n`);
  const [table, after] = rest?.split(`\n${END}\n`) ?? [];
  if (before === undefined || table === undefined || after === undefined) {
    throw new Error(`Cannot read "${FILE}": found no table between its two comments, expected one`);
  }
  const lines = table.split("\n").filter((line) => line !== "");
  const rows = lines.slice(2).map((line) => {
    const [, number, fault, holds] = ROW.exec(line) ?? [];
    if (number === undefined || fault === undefined || holds === undefined) {
      throw new Error(`Cannot read "${FILE}": found the row "${line}", expected five columns, a number first`);
    }
    return { number: Number(number), fault, holds };
  });
  return { before, header: lines.slice(0, 2), rows, after };
}
