/**
 * Writes docs/report.png: parts of the report of the year on data/sample, with memory, without it, and compared.
 *
 *     bun tools/report-screenshot.ts
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findBrowser, startBrowser } from "./browsers.ts";

const PROJECT_DIR = join(import.meta.dirname, "..");

/** Sections that the picture shows. */
const SHOWN = ["equity", "trades"];

const WIDTH = 760;

function run(script: string, args: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, `scripts/${script}`, ...args], { cwd: PROJECT_DIR });
  if (exitCode !== 0) throw new Error(`Cannot run ${script}: exit code ${exitCode}\n${stderr.toString()}`);
}

async function takeScreenshot(report: string, picture: string): Promise<void> {
  const found = findBrowser("chromium");
  if (found === undefined) throw new Error("Cannot take a screenshot: found no Chromium, expected one in PATH");
  const browser = await startBrowser(found, { scheme: "light" });
  try {
    const page = await browser.newPage();
    await page.setViewport({ width: WIDTH, height: 1000 });
    await page.goto(`file://${report}`);
    const height = await page.evaluate((shown) => {
      // What needs a reader who can click or has time is left out.
      for (const each of document.querySelectorAll<HTMLElement>("section, p:not(.verdict), details, footer, #zoom")) {
        if (!shown.includes(each.id)) each.style.display = "none";
      }
      return document.querySelector("main")!.getBoundingClientRect().height;
    }, SHOWN);
    await page.screenshot({ path: picture as `${string}.png`, clip: { x: 0, y: 0, width: WIDTH, height } });
  } finally {
    await browser.close();
  }
}

if (import.meta.main) {
  const work = mkdtempSync(join(tmpdir(), "carryover-screenshot-"));
  const where = ["--year", "2021", "--data-dir", "data/sample", "--memory-dir", join(work, "memory")];
  try {
    run("run-chunks.ts", where);
    run("run-chunks.ts", [...where, "--no-memory"]);
    run("compare-memory.ts", [...where, "--arms", "matched"]);
    const report = join(work, "report.html");
    run("report.ts", [...where.slice(2), "--out", report]);
    await takeScreenshot(report, join(PROJECT_DIR, "docs", "report.png"));
  } finally {
    rmSync(work, { recursive: true });
  }
}
