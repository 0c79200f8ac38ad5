/** IndexedDB and the example of a page, in real browsers. `bun run test:slow` */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Browser, Page } from "puppeteer-core";
import { findBrowser, startBrowser } from "../../tools/browsers.ts";
import { bundle } from "../edge/workers.ts";
import { PROJECT_DIR } from "../samples.ts";
import { describeBucket } from "../storage/bucket-contract.ts";
import { filesIn, openBucket } from "../storage/object-store-samples.ts";
import { remoteBucket } from "../storage/remote-bucket.ts";
import { describeStorage } from "../storage/storage-contract.ts";

// A browser takes seconds to start, and a machine may be busy.
setDefaultTimeout(300_000);

/** Nothing but the page's own files: no inline scripts, no `eval()`, no WebAssembly. */
const POLICY = "default-src 'self'; require-trusted-types-for 'script'";

const scripts = { "/buckets.js": "test/edge/bucket-page.ts" };
let server: Bun.Server<undefined>;

beforeAll(async () => {
  const html = (script: string): string =>
    `<!doctype html><title>test</title><script type="module" src="${script}"></script>`;
  const files: Record<string, string> = { "/buckets.html": html("/buckets.js") };
  for (const [path, source] of Object.entries(scripts)) files[path] = await bundle(join(PROJECT_DIR, source));
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url }) => {
      const { pathname } = new URL(url);
      const body = files[pathname];
      if (body === undefined) return new Response("", { status: 404 });
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
