/** A report in real browsers: nothing is asked for, nothing fails, and every picture can be read. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "puppeteer-core";
import type { Summary } from "../../lib/results/summary-shape.ts";
import { fixed, signed } from "../../lib/util/written-numbers.ts";
import { findBrowser, startBrowser } from "../../tools/browsers.ts";
import { runScript } from "../scripts/run-script.ts";
import { textsOfLowContrast } from "./support/contrast.ts";

// A browser takes seconds to start, and a machine may be busy.
setDefaultTimeout(180_000);

const work = mkdtempSync(join(tmpdir(), "carryover-browser-"));
const memory = join(work, "memory");
const file = join(work, "report.html");
const PERIOD = ["--start", "2021-01-01", "--end", "2021-07-01", "--data-dir", "data/sample", "--memory-dir", memory];
const PICTURES =
  "equity held drawdown effect parts weights providers reliability trades sizes expectation moves recall months costs";
let summary: Summary;

beforeAll(async () => {
  const run = async (name: string, args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runScript(name, args);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    return stdout;
  };
  summary = JSON.parse(await run("run-chunks.ts", [...PERIOD, "--json"])) as Summary;
  await run("run-chunks.ts", [...PERIOD, "--no-memory"]);
  await run("compare-memory.ts", [...PERIOD, "--arms", "matched", "--ablate", "--costs", "0,1,2,4"]);
  await run("report.ts", ["--memory-dir", memory, "--data-dir", "data/sample", "--out", file]);
});
afterAll(() => rmSync(work, { recursive: true }));

/** The rows of the table behind a picture. */
function tableOf(page: Page, id: string): Promise<string[][]> {
  return page.evaluate(
    (section) =>
      [...document.querySelectorAll(`#${section} tbody tr`)].map((row) =>
        [...row.querySelectorAll("th, td")].map(({ textContent }) => textContent),
      ),
    id,
  );
}

/** What the pictures that zoom look like. */
function canvasesOf(page: Page): Promise<string[]> {
  return page.evaluate(() => [...document.querySelectorAll("canvas")].map((canvas) => canvas.toDataURL()));
}

function visiblePictures(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll("section")]
      .filter((section) =>
        [...section.querySelectorAll("svg, canvas")].some((each) => {
          const { width, height } = each.getBoundingClientRect();
          return width > 200 && height > 60;
        }),
      )
      .map(({ id }) => id),
  );
}

describe.each(["chromium", "firefox"] as const)("in %s", (name) => {
  const found = findBrowser(name);
  const scheme = { light: undefined as Opened | undefined, dark: undefined as Opened | undefined };

  interface Opened {
    readonly browser: Browser;
    readonly page: Page;
    /** Whatever the page said, asked for, or failed at. */
    readonly events: string[];
  }

  async function opened(wanted: "light" | "dark"): Promise<Opened> {
    const before = scheme[wanted];
    if (before !== undefined) return before;
    const browser = await startBrowser(found!, { scheme: wanted });
    const page = await browser.newPage();
    const events: string[] = [];
    page.on("console", (message) => events.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => events.push(String(error)));
    page.on("request", (request) => {
      // Firefox reports a font of its own start page.
      if (!request.url().startsWith("data:") && request.url() !== `file://${file}`)
        events.push(`request: ${request.url()}`);
    });
    await page.setViewport({ width: 1000, height: 900 });
    await page.goto(`file://${file}`);
    return (scheme[wanted] = { browser, page, events });
  }
  afterAll(async () => {
    for (const each of Object.values(scheme)) await each?.browser.close();
  });

  const skipped = found === undefined;
  const title = (text: string): string => `${text}${skipped ? ` (skipped: no ${name})` : ""}`;

  test.skipIf(skipped)(title("every picture is there, and those that zoom are drawn"), async () => {
    const { page } = await opened("light");
    expect(await visiblePictures(page)).toEqual(PICTURES.split(" "));
    expect(new Set(await canvasesOf(page)).size).toBe(3);
  });

  test.skipIf(skipped)(title("the tables agree with --json"), async () => {
    const { page } = await opened("light");
    expect((await tableOf(page, "equity")).at(-1)![1]).toBe(fixed(summary.final_balance));
    expect(await tableOf(page, "trades")).toHaveLength(summary.total_trades);
    const r = Object.values(summary.providers).flatMap(({ by_quarter }) =>
      by_quarter.map((cell) => signed(cell.mean_result_r, 3)),
    );
    expect((await tableOf(page, "providers")).map((row) => row[4]!)).toEqual(r);
    const [figures] = await page.evaluate(() =>
      [...document.querySelectorAll("main > .scroll td")].map((cell) => cell.textContent),
    );
    expect(figures).toBe(`${signed(summary.total_return_pct)}%`);
  });

  test.skipIf(skipped)(title("a button and a drag zoom all three pictures, and one cursor reads them"), async () => {
    const { page } = await opened("light");
    const click = (text: string): Promise<void> =>
      page.evaluate((wanted) => {
        [...document.querySelectorAll("button")].find(({ textContent }) => textContent === wanted)!.click();
      }, text);
    const box = await page.evaluate(() => {
      const over = document.querySelector("#live-equity .u-over")!;
      over.scrollIntoView({ block: "center" });
      const { x, y, width, height } = over.getBoundingClientRect();
      return { x, y: y + height / 2, width };
    });
    const at = (share: number): number => box.x + box.width * share;
    /** The dates that the pictures read where the mouse is: as soon as all read this one, or after 10 s. */
    const datesAt = async (share: number, wanted: string): Promise<string[]> => {
      await page.mouse.move(at(share) - 3, box.y);
      await page.mouse.move(at(share), box.y);
      for (let tries = 0; ; tries++) {
        const dates = await page.evaluate(() =>
          [...document.querySelectorAll(".live")].map((live) =>
            live.querySelector(".u-legend .u-value")!.textContent.slice(0, 10),
          ),
        );
        if (tries === 100 || dates.every((date) => date === wanted)) return dates;
        await Bun.sleep(100);
      }
    };
    // The middle of the half year, of its second quarter, and of the part that is dragged over, which is its first half.
    const expectMiddle = async (date: string): Promise<void> =>
      expect(await datesAt(0.5, date)).toEqual([date, date, date]);
    await expectMiddle("2021-04-01");
    await click("2021Q2");
    await expectMiddle("2021-05-16");
    await click("All");
    await expectMiddle("2021-04-01");
    await page.mouse.move(at(0), box.y);
    await page.mouse.down();
    await page.mouse.move(at(0.5), box.y, { steps: 4 });
    await page.mouse.up();
    await expectMiddle("2021-02-15");
    await click("All");
  });

  test.skipIf(skipped)(title("one asset is seen at a time, and the choice changes it"), async () => {
    const { page } = await opened("light");
    const seen = (): Promise<string[]> =>
      page.evaluate(() =>
        [...document.querySelectorAll("#trades .panel")]
          .filter((panel) => panel.getBoundingClientRect().height > 0)
          .map(({ id }) => id),
      );
    expect(await seen()).toEqual(["trades-0"]);
    await page.evaluate(() => document.querySelector<HTMLInputElement>("[data-tab=trades-2]")!.click());
    expect(await seen()).toEqual(["trades-2"]);
  });

  test.skipIf(skipped).each(["light", "dark"] as const)(
    title("every text has a contrast of 4.5 or more when it is %s"),
    async (wanted) => {
      const { page } = await opened(wanted);
      const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      expect(background).toBe(wanted === "dark" ? "rgb(20, 24, 28)" : "rgb(255, 255, 255)");
      // All of it has to be in the window to find what lies below a text.
      await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
      await page.setViewport({ width: 1000, height: await page.evaluate(() => document.documentElement.scrollHeight) });
      const { checked, low } = await page.evaluate(textsOfLowContrast, 4.5);
      expect(low).toEqual([]);
      expect(checked).toBeGreaterThan(400);
      await page.setViewport({ width: 1000, height: 900 });
    },
  );

  test.skipIf(skipped)(title("a telephone shows it without a page that scrolls sideways"), async () => {
    const { page } = await opened("light");
    await page.setViewport({ width: 380, height: 800 });
    // It fails after half a minute.
    await page.waitForFunction(() => document.documentElement.scrollWidth <= 380);
    await page.setViewport({ width: 1000, height: 900 });
  });

  // Puppeteer can't do either in Firefox.
  test.skipIf(skipped || name === "firefox")(
    title("paper and a reader without scripts get still pictures, of every asset, which only Chromium can show a test"),
    async () => {
      const { browser, page } = await opened("dark");
      await page.emulateMediaType("print");
      const printed = await page.evaluate(() => ({
        stills: [...document.querySelectorAll(".still")].every((still) => still.getBoundingClientRect().height > 100),
        live: [...document.querySelectorAll(".live, .tabs, #zoom")].every(
          (live) => live.getBoundingClientRect().height === 0,
        ),
        panels: [...document.querySelectorAll(".panel")].every((panel) => panel.getBoundingClientRect().height > 100),
        background: getComputedStyle(document.body).backgroundColor,
      }));
      expect(printed).toEqual({ stills: true, live: true, panels: true, background: "rgb(255, 255, 255)" });
      expect((await page.pdf({ preferCSSPageSize: true })).length).toBeGreaterThan(50_000);
      await page.emulateMediaType("screen");

      const plain = await browser.newPage();
      await plain.setJavaScriptEnabled(false);
      await plain.goto(`file://${file}`);
      const seen = await plain.$$eval(
        "svg",
        (pictures) => pictures.filter((each) => each.getBoundingClientRect().height > 60).length,
      );
      expect(seen).toBe(await plain.$$eval("svg", (pictures) => pictures.length));
      await plain.close();
    },
  );

  test.skipIf(skipped)(title("nothing was asked for, and nothing failed"), () => {
    expect(Object.values(scheme).flatMap((each) => each?.events ?? [])).toEqual([]);
  });
});
