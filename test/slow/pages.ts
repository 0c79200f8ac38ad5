/** IndexedDB and the example of a page, in real browsers. `bun run test:slow` */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "puppeteer-core";
import { backtest } from "../../lib/job/backtest.ts";
import { parseBarsCsv } from "../../lib/market/csv.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { breakout, reversion, trend } from "../../lib/providers/rules.ts";
import { similarTrades } from "../../lib/providers/similar-trades.ts";
import type { Summary } from "../../lib/results/summary-shape.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { findBrowser, startBrowser } from "../../tools/browsers.ts";
import { bundle } from "../edge/workers.ts";
import { PROJECT_DIR, sampleCsv } from "../samples.ts";
import { describeBucket } from "../storage/bucket-contract.ts";
import { filesIn, openBucket } from "../storage/object-store-samples.ts";
import { remoteBucket } from "../storage/remote-bucket.ts";
import { describeStorage } from "../storage/storage-contract.ts";
import { temporaryFolder } from "../temporary-folder.ts";

// A browser takes seconds to start, and a machine may be busy.
setDefaultTimeout(300_000);

/** Nothing but the page's own files: no inline scripts, no `eval()`, no WebAssembly. */
const POLICY = "default-src 'self'; require-trusted-types-for 'script'";

const SCRIPTS = { "/buckets.js": "test/edge/bucket-page.ts", "/page.js": "examples/browser/page.ts" };
let server: Bun.Server<undefined>;

beforeAll(async () => {
  const html = (script: string): string =>
    `<!doctype html><title>test</title><script type="module" src="${script}"></script>`;
  const files: Record<string, string> = { "/buckets.html": html("/buckets.js") };
  files["/"] = await Bun.file(join(PROJECT_DIR, "examples/browser/index.html")).text();
  for (const [path, source] of Object.entries(SCRIPTS)) files[path] = await bundle(join(PROJECT_DIR, source));
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url }) => {
      const { pathname } = new URL(url);
      const body = files[pathname];
      // Browsers ask for an icon.
      if (body === undefined) return new Response(null, { status: 204 });
      const type = pathname.endsWith(".js") ? "text/javascript" : "text/html";
      return new Response(body, { headers: { "content-type": type, "content-security-policy": POLICY } });
    },
  });
});
afterAll(() => server.stop(true));

describe.each(["chromium", "firefox"] as const)("in %s", (name) => {
  const found = findBrowser(name);
  let browser: Browser;
  let page: Page;
  let stores = 0;

  describe.skipIf(found === undefined)(`the example${found === undefined ? ` (skipped: no ${name})` : ""}`, () => {
    const folder = temporaryFolder("page");
    const bars = join(folder, "bars.csv");
    const PERIODS = [
      ["2021-01-01", "2021-02-01"],
      ["2021-02-01", "2021-03-01"],
    ] as const;
    const events: string[] = [];

    beforeAll(async () => {
      writeFileSync(bars, sampleCsv("BTCUSD", { start: "2020-12-01", end: "2021-03-01" }));
      browser = await startBrowser(found!, { scheme: "light" });
    });
    afterAll(() => browser.close());

    /** A visit of the page, which says first how many trades are remembered. */
    async function visit(): Promise<Page> {
      const visited = await browser.newPage();
      visited.on("console", (message) => events.push(`${message.type()}: ${message.text()}`));
      visited.on("pageerror", (error) => events.push(String(error)));
      await visited.goto(`${server.url}`);
      await visited.waitForSelector("[type=submit]:not([disabled])");
      return visited;
    }

    const said = (visited: Page, selector: string): Promise<string> =>
      visited.$eval(selector, ({ textContent }) => textContent ?? "");

    /** Fills in the form of a page and sends it. */
    async function run(visited: Page, [start, end]: readonly [string, string]): Promise<Summary> {
      const file = (await visited.$("input[type=file]"))!;
      await file.uploadFile(bars);
      await visited.$eval("[name=start]", (input, day) => void ((input as HTMLInputElement).value = day), start);
      await visited.$eval("[name=end]", (input, day) => void ((input as HTMLInputElement).value = day), end);
      await visited.click("[type=submit]");
      await visited.waitForFunction(() => document.querySelector("#summary")!.textContent !== "");
      await visited.waitForSelector("[type=submit]:not([disabled])");
      return JSON.parse(await said(visited, "#summary")) as Summary;
    }

    test("goes on with what an earlier visit remembered, as on Bun", async () => {
      const memory = await openMemory(inMemoryStorage());
      for (const period of PERIODS) {
        const visited = await visit();
        expect(await said(visited, "#status")).toBe(`${memory.trades.length} trades are remembered.`);
        const summary = await run(visited, period);
        const [start, end] = period;
        const { summary: here } = await backtest({
          bars: [parseBarsCsv(readFileSync(bars), { asset: "BTCUSD", timeframe: "1h", file: "bars.csv" })],
          providers: [trend(), reversion(), breakout(), similarTrades()],
          memory,
          start,
          end,
          chunks: "month",
        });
        // A run's id is a hash of the content of all outcomes that it begins with, among others.
        expect(summary).toEqual(here);
        await visited.close();
      }
      expect(memory.trades.length).toBeGreaterThan(10);
    });

    test("forgets all trades when it is told to, and says what is wrong with a period", async () => {
      const visited = await visit();
      await visited.click("[type=reset]");
      await visited.waitForFunction(() => document.querySelector("#status")!.textContent.startsWith("0 trades"));
      await (await visited.$("input[type=file]"))!.uploadFile(bars);
      await visited.$eval("[name=end]", (input) => void ((input as HTMLInputElement).value = "soon"));
      await visited.click("[type=submit]");
      await visited.waitForFunction(() => document.querySelector("#status")!.textContent.includes("Cannot backtest"));
      await visited.close();
    });

    test("its policy forbids nothing that it needs, and nothing failed", () => {
      // Firefox says so of the search's kernel, which has a plain form as well.
      expect(events.filter((event) => !event.includes("blocked WebAssembly"))).toEqual([]);
    });
  });

  describe.skipIf(found === undefined)(found === undefined ? `(skipped: no ${name})` : "IndexedDB", () => {
    beforeAll(async () => {
      browser = await startBrowser(found!, { scheme: "light" });
      page = await browser.newPage();
      await page.goto(`${server.url}buckets.html`);
      await page.waitForFunction("globalThis.answerCall !== undefined");
    });
    afterAll(() => browser.close());

    const send = (call: string): Promise<string> =>
      page.evaluate(
        (text) => (globalThis as unknown as { answerCall(call: string): Promise<string> }).answerCall(text),
        call,
      );
    const bucket = remoteBucket(send, { maxObjectBytes: 1_000_000 });

    describeBucket("IndexedDB", () => bucket);
    describeStorage("IndexedDB", () => openBucket(bucket, { prefix: `${++stores}/` }));

    test("what a page wrote, a later page finds", async () => {
      const storage = await openBucket(bucket, { prefix: "kept/" });
      await storage.replace("large", new Uint8Array(2_500_000).fill(7));
      await page.reload();
      await page.waitForFunction("globalThis.answerCall !== undefined");
      const files = await filesIn(await openBucket(bucket, { prefix: "kept/" }));
      expect([...files].map(([file, text]) => [file, text.length])).toEqual([["large", 2_500_000]]);
    });
  });
});
