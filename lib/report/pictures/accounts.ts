/** Equity, what holding would have given, drawdown, and returns by month. */
import * as Plot from "@observablehq/plot";
import { fixed, signed } from "../../util/written-numbers.ts";
import { endOfDay, perBucket } from "../buckets.ts";
import type { AccountLine, ReportData } from "../data.ts";
import { heatCell } from "../heat.ts";
import type { Picture } from "../html.ts";
import { type LiveChart, type LiveFrame, liveHtml, type LiveLine } from "../live.ts";
import { monthEnds } from "../months.ts";
import { ALL_HELD } from "../run-settings.ts";
import { drawSvg, marginFor } from "../svg.ts";

/** A picture and the chart that brings it to life. */
export interface LivePicture {
  readonly picture: Picture;
  readonly chart: LiveChart;
}

const HELD_COLORS = ["c1", "c2", "c3", "c4", "c5", "c6", "c7"] as const;

/** Equity of the runs; of runs that began with different balances, in percent of these. */
export function equityPicture({ accounts, run }: ReportData, frame: LiveFrame): LivePicture {
  const isMoney = accounts.every(({ initial }) => initial === run.summary.initial_balance);
  const lines = accounts.map((account): LiveLine => ({
    ...lineOf(account),
    values: perBucket(account.marks, {
      ...frame,
      value: ({ equity }) => (isMoney ? equity : (100 * equity) / account.initial),
      merge: (_, next) => next,
    }),
  }));
  const chart: LiveChart = { id: "equity", unit: isMoney ? "money" : "percent", height: 240, lines };
  const ends = accounts.map(({ name, marks }) => `${name} ends at ${fixed(marks.at(-1)?.equity ?? null, 0)}`);
  return {
    chart,
    picture: {
      id: "equity",
      title: "Equity",
      note:
        `The account after all costs, open positions at the last price${isMoney ? "" : ", in percent of its initial balance"}. ${frame.borders.length === 0 ? "" : "Dotted lines are the ends of chunks. "}` +
        "Drag over a part of the picture to zoom in; a double click shows all again.",
      body: liveHtml(chart, {
        ...frame,
        alt: `Equity from ${fixed(run.summary.initial_balance, 0)}: ${ends.join(", ")}`,
      }),
      table: monthTable(accounts, ({ equity }) => fixed(equity)),
    },
  };
}

/** Buying and holding, in percent of what was paid, and the run on the same scale. */
export function heldPicture({ accounts: [run], held }: ReportData, frame: LiveFrame): LivePicture {
  const lines = [
    {
      ...lineOf(run!),
      values: perBucket(run!.marks, {
        ...frame,
        value: ({ equity }) => (100 * equity) / run!.initial,
        merge: (_, next) => next,
      }),
    },
    ...held.map(({ name, days }, i) => ({
      name,
      color: name === ALL_HELD ? ("held" as const) : HELD_COLORS[i % HELD_COLORS.length]!,
      dash: name !== ALL_HELD,
      values: perBucket(
        days.map(({ date, equity }) => ({ atMs: endOfDay(date), equity })),
        { ...frame, value: ({ equity }) => 100 * equity, merge: (_, next) => next },
      ),
    })),
  ];
  const chart: LiveChart = { id: "held", unit: "percent", isLog: true, height: 200, lines };
  const ends = held.map(({ name, days }) => `${name} ends at ${fixed(100 * days.at(-1)!.equity, 0)} percent`);
  return {
    chart,
    picture: {
      id: "held",
      title: "Buy and hold",
      note:
        held.length === 0
          ? "The run's bars were not found, so there is nothing to compare with: --data-dir names their folder."
          : "What each asset, and all with equal shares, would have made of 100% if bought at the start and held; the run " +
            "beside them. Steps of the scale are equal factors.",
      ...(held.length === 0
        ? {}
        : {
            body: liveHtml(chart, { ...frame, alt: `Value of 100: ${ends.join(", ")}` }),
            table: {
              heads: ["held", "return"],
              rows: held.map(({ name, days }) => [name, `${signed(100 * (days.at(-1)!.equity - 1))}%`]),
            },
          }),
    },
  };
}

/** How far equity is below its highest so far. */
export function drawdownPicture({ accounts }: ReportData, frame: LiveFrame): LivePicture {
  const lines = accounts.map((account): LiveLine => {
    let peak = account.initial;
    const falls = account.marks.map(({ atMs, equity }) => {
      peak = Math.max(peak, equity);
      return { atMs, fall: 100 * (equity / peak - 1) };
    });
    return {
      ...lineOf(account),
      values: perBucket(falls, { ...frame, value: ({ fall }) => fall, merge: Math.min }),
    };
  });
  const chart: LiveChart = { id: "drawdown", unit: "percent", height: 150, lines };
  const deepest = accounts.map(
    ({ name, figures }) => `${name} falls by ${fixed(figures.daily_drawdown_pct, 1)} percent at most`,
  );
  return {
    chart,
    picture: {
      id: "drawdown",
      title: "Drawdown",
      note: "How far the account is below its highest so far, in percent.",
      body: liveHtml(chart, { ...frame, alt: `Drawdown: ${deepest.join(", ")}` }),
      table: monthTable(accounts, ({ drawdownPct }) => `${fixed(drawdownPct)}%`),
    },
  };
}

/** Returns by calendar month, a row for each run. */
export function monthsPicture({ accounts }: ReportData): Picture {
  const cells = accounts.flatMap(({ name, initial, marks }) =>
    monthEnds(marks, initial).map(({ month, returnPct }) => ({
      row: `${month.slice(0, 4)} ${name}`,
      column: MONTHS[Number(month.slice(5)) - 1]!,
      value: returnPct,
      ...heatCell(returnPct / 10),
    })),
  );
  const rows = [...new Set(cells.map(({ row }) => row))].toSorted((a, b) => a.slice(0, 4).localeCompare(b.slice(0, 4)));
  const best = cells.toSorted((a, b) => b.value - a.value);
  return {
    id: "months",
    title: "Returns by month",
    note: "In percent of the equity at the month's start. Blue is a gain, orange a loss, full colour 10 % or more.",
    body: drawSvg({
      alt: `Monthly returns in percent. Best: ${best[0]?.row} ${best[0]?.column}, ${signed(best[0]?.value ?? null, 1)}; worst: ${best.at(-1)?.row} ${best.at(-1)?.column}, ${signed(best.at(-1)?.value ?? null, 1)}`,
      height: 52 + 28 * rows.length,
      marginLeft: marginFor(rows),
      x: { domain: MONTHS, label: null, tickSize: 0 },
      y: { domain: rows, label: null, tickSize: 0 },
      marks: [
        Plot.cell(cells, { x: "column", y: "row", fill: "fill", inset: 1 }),
        Plot.text(cells, { x: "column", y: "row", text: (cell) => signed(cell.value, 1), fill: "ink" }),
      ],
    }),
    table: monthTable(accounts, ({ returnPct }) => `${signed(returnPct)}%`),
  };
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function lineOf({ name, color }: AccountLine): Omit<LiveLine, "values"> {
  return { name, color, dash: color !== "on" };
}

function monthTable(
  accounts: readonly AccountLine[],
  cell: (month: ReturnType<typeof monthEnds>[number]) => string,
): NonNullable<Picture["table"]> {
  const byAccount = accounts.map(({ marks, initial }) => monthEnds(marks, initial));
  return {
    heads: ["month", ...accounts.map(({ name }) => name)],
    rows: (byAccount[0] ?? []).map(({ month }) => [
      month,
      ...byAccount.map((ends) => {
        const found = ends.find((each) => each.month === month);
        return found === undefined ? "-" : cell(found);
      }),
    ]),
  };
}
