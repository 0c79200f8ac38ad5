/** A report: one HTML file that needs nothing else. */
import { planChunks } from "../results/chunks.ts";
import { type OnSteps, pauseEvery } from "../util/async.ts";
import { fixed, signed } from "../util/written-numbers.ts";
import { bucketsOf } from "./buckets.ts";
import type { AccountLine, ReportData } from "./data.ts";
import { escapeHtml, hashOf, type Picture, pictureHtml, proseHtml, tableHtml } from "./html.ts";
import { type LiveChart, type LiveFrame, liveJson } from "./live.ts";
import { PAGE_SCRIPT } from "./page-script.ts";
import { PAGE_STYLE } from "./page-style.ts";
import { drawdownPicture, equityPicture, heldPicture, monthsPicture } from "./pictures/accounts.ts";
import { expectationPicture, reliabilityPicture } from "./pictures/confidence.ts";
import { costsPicture, modelsPicture } from "./pictures/costs.ts";
import { effectPicture, partsPicture } from "./pictures/effect.ts";
import { movesPicture, providersPicture, weightsPicture } from "./pictures/providers.ts";
import { recallPicture } from "./pictures/recall.ts";
import { sizesPicture, tradesPicture } from "./pictures/trades.ts";
import { ALL_HELD, heldName } from "./run-settings.ts";
import { verdictOf } from "./verdict.ts";

/** Points of a line that zooms: every four hours of a year. */
const MAX_LIVE_POINTS = 2200;

/** Chunks whose borders a picture has room for, and buttons that zoom to a part. */
const MAX_BORDERS = 30;
const MAX_ZOOM_PARTS = 16;

/** uPlot's own files, which become part of the page. */
export interface PageParts {
  readonly uplotScript: string;
  readonly uplotStyle: string;
}

/** Pictures that zoom, and below them pictures that do not, in the order of the page. */
const LIVE_PICTURES = [equityPicture, heldPicture, drawdownPicture] as const;
const STILL_PICTURES: readonly ((data: ReportData, frame: LiveFrame) => Picture | undefined)[] = [
  effectPicture,
  partsPicture,
  weightsPicture,
  providersPicture,
  reliabilityPicture,
  tradesPicture,
  sizesPicture,
  expectationPicture,
  movesPicture,
  recallPicture,
  monthsPicture,
  costsPicture,
  modelsPicture,
];

/** @returns The page. Equal data give equal bytes. */
export async function renderPage(
  data: ReportData,
  parts: PageParts,
  options: { signal?: AbortSignal | undefined; onSteps?: OnSteps | undefined } = {},
): Promise<string> {
  const { summary, runId } = data.run;
  const frame = frameOf(data);
  const pause = pauseEvery(1, options.signal);
  const charts: LiveChart[] = [];
  const pictures: string[] = [];
  const beforeEach = (): Promise<void> => {
    options.onSteps?.("Drawn", pictures.length, LIVE_PICTURES.length + STILL_PICTURES.length);
    return pause();
  };
  for (const draw of LIVE_PICTURES) {
    await beforeEach();
    const { picture, chart } = draw(data, frame);
    charts.push(chart);
    pictures.push(pictureHtml(picture));
  }
  for (const draw of STILL_PICTURES) {
    await beforeEach();
    const picture = draw(data, frame);
    if (picture !== undefined) pictures.push(pictureHtml(picture));
  }
  const style = parts.uplotStyle + PAGE_STYLE;
  const script = parts.uplotScript + PAGE_SCRIPT;
  const policy =
    `default-src 'none'; style-src 'sha256-${await hashOf(style)}'; script-src 'sha256-${await hashOf(script)}'; ` +
    "base-uri 'none'; form-action 'none'";
  const title = `Carryover ${runId.slice(0, 12)}, ${summary.period.replace("/", " to ")}`;
  const [first, ...others] = verdictOf(data);
  return (
    `<!doctype html>\n<html lang="en"><head><meta charset="utf-8">` +
    `<meta http-equiv="Content-Security-Policy" content="${policy}">` +
    `<meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeHtml(title)}</title>` +
    `<style>${style}</style></head>\n<body><main>` +
    `<h1>${escapeHtml(title)}</h1>` +
    `<p class="verdict"><strong>${proseHtml(first!)}</strong> ${proseHtml(others.join(" "))}</p>` +
    `${figures(data)}<div class="zoom" id="zoom" role="group" aria-label="Zoom to a part"><span>Zoom to</span></div>\n` +
    pictures.join("") +
    `<footer>Run ${runId}, Carryover ${escapeHtml(data.run.key.version)}. A backtest shows what would have happened to rules that ` +
    `were written later; nothing here is investment advice.</footer></main>\n` +
    `<script type="application/json" id="live-data">${liveJson(charts, { ...frame, parts: zoomParts(data) })}</script>\n` +
    `<script>${script}</script></body></html>\n`
  );
}

function periodOf({ run: { summary } }: ReportData): { startMs: number; endMs: number } {
  const [start, end] = summary.period.split("/");
  return { startMs: Date.parse(start!), endMs: Date.parse(end!) };
}

function frameOf(data: ReportData): LiveFrame {
  const { quarterly_breakdown: chunks } = data.run.summary;
  return {
    buckets: bucketsOf(periodOf(data), MAX_LIVE_POINTS),
    borders: chunks.length > MAX_BORDERS ? [] : chunks.slice(1).map(({ start_date: start }) => Date.parse(start)),
  };
}

/** The parts of the period that a button zooms to: its chunks, or months or quarters if there are too many of them. */
function zoomParts(data: ReportData): readonly { name: string; from: number; to: number }[] {
  const kinds = [data.run.summary.chunks, "month", "quarter"];
  const parts = kinds
    .map((kind) => planChunks(periodOf(data), kind))
    .find(({ length }) => length > 1 && length <= MAX_ZOOM_PARTS);
  return (parts ?? []).map(({ name, startMs, endMs }) => ({ name, from: startMs / 1000, to: endMs / 1000 }));
}

/** The main figures of all runs, and of holding. */
function figures({ run: { summary }, accounts }: ReportData): string {
  const row = ({
    name,
    figures: { return_pct, sharpe, daily_drawdown_pct, trades, mean_result_r },
  }: AccountLine): string[] => [
    name,
    `${signed(return_pct)}%`,
    fixed(sharpe),
    `${fixed(daily_drawdown_pct)}%`,
    String(trades),
    signed(mean_result_r, 3),
  ];
  const held = [
    ...Object.entries(summary.buy_and_hold).map(([asset, each]) => ({ name: heldName(asset), each })),
    ...(summary.assets.length === 1 ? [] : [{ name: ALL_HELD, each: summary.equal_weight }]),
  ].flatMap(({ name, each }) =>
    each === null
      ? []
      : [[name, `${signed(each.return_pct)}%`, fixed(each.sharpe_ratio), `${fixed(each.max_drawdown_pct)}%`, "-", "-"]],
  );
  const random = summary.random_entry;
  const chance =
    random === null
      ? ""
      : `<p>A trade made ${signed(random.run_mean_pnl_pct)}% on average; entered at random it makes ` +
        `${signed(random.random_mean_pnl_pct)}%. The run is above ${fixed(random.percentile, 0)}% of ${random.draws} random draws.</p>`;
  const heads = ["", "return", "Sharpe", "daily drawdown", "trades", "mean R"];
  const caption = `${summary.assets.join(", ")}; ${summary.data === "bars" ? "real bars" : "synthetic bars"}; after costs, mean R before them`;
  return tableHtml(caption, { heads, rows: [...accounts.map(row), ...held] }) + chance;
}
