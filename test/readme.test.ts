/**
 * README.md is true: its commands run, in order, in a copy of the project, and print what the page shows. Links of all documents
 * lead somewhere, and README.md stays short. test/slow/docs.ts runs the commands of the other pages.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseConfig } from "../lib/config/parse.ts";
import { parseSweep } from "../lib/sweep/parse-sweep.ts";
import { cloneProject, examplesOf, firstRun } from "../tools/write-docs.ts";
import { testExample } from "./examples.ts";
import { HAS_REAL_BARS, PROJECT_DIR, REAL_BARS_DIR } from "./samples.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const MAX_README_LINES = 170;
const MAX_SENTENCE_WORDS = 25;

const clone = cloneProject();
afterAll(clone.remove);

function pageText(name: string): string {
  return readFileSync(join(PROJECT_DIR, name), "utf8");
}

describe("the examples of README.md", () => {
  const [install, suite, ...others] = examplesOf(pageText("README.md"));

  test("the first runs in a fresh clone, on the sample, and begins as the page shows", async () => {
    // The packages are there already; CI installs them in a clone.
    expect(install?.command).toStartWith("bun install && ");
    const { command, printed } = firstRun(pageText("README.md"));
    const { code, stdout, stderr } = await clone.run(command);
    expect(stderr).toBe("");
    expect(stdout).toStartWith(printed);
    expect(stdout).toContain("2021Q4");
    expect(code).toBe(0);
  });

  test("the second runs this suite", () => {
    expect(suite?.command).toBe("bun install && bun run test");
  });

  test("the reader adds bars", () => {
    if (HAS_REAL_BARS) clone.addBars(REAL_BARS_DIR);
  });

  others.forEach((example) => testExample(clone, example));
});

describe("docs/CLI.md", () => {
  const scripts = readdirSync(join(PROJECT_DIR, "scripts")).filter((name) => name.endsWith(".ts"));
  /** What each script prints for --help. One process loads them all, as they share most of their code. */
  const helps: string[] = [];
  beforeAll(async () => {
    const load =
      'for (const name of names) { process.argv = ["bun", name, "--help"]; await import(`./scripts/${name}`); console.log("\\0"); }';
    const { code, stdout } = await clone.run(`bun -e '${load.replace("names", JSON.stringify(scripts))}'`);
    expect(code).toBe(0);
    helps.push(...stdout.split("\0\n"));
  });

  test.each(scripts.map((name, i) => [name, i] as const))("has what %s --help prints", (_, i) => {
    const help = helps[i]!;
    expect(help).toContain("Usage:");
    expect(pageText("docs/CLI.md")).toContain(help);
    expect(help.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(longSentencesOf(help.split("Usage:")[0]!)).toEqual([]);
  });
});

const DOCUMENTS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md"].concat(
  ...["docs", "bench"].map((folder) =>
    readdirSync(join(PROJECT_DIR, folder))
      .filter((name) => name.endsWith(".md"))
      .map((name) => `${folder}/${name}`),
  ),
);

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

test.each(DOCUMENTS)("the links of %s lead somewhere", (name) => {
  const links = [...pageText(name).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)];
  const broken = links.filter(([, path, anchor]) => {
    const target = path === "" ? name : join(dirname(name), path!);
    if (!existsSync(join(PROJECT_DIR, target))) return true;
    return anchor !== undefined && !anchorsOf(pageText(target)).includes(anchor);
  });
  expect(broken.map(([link]) => link)).toEqual([]);
});

test.each(DOCUMENTS.filter((name) => name !== "CHANGELOG.md"))("the files that %s names exist", (name) => {
  // The table of docs/DURABILITY.md is written by the sweep of faults.
  const text = pageText(name).replace(/<!-- sweep.*<!-- end of sweep -->/s, "");
  const named = text.matchAll(/`((?:lib|scripts|test|tools|bench|docs)\/[\w./-]*)`/g);
  const missing = [...named].filter(([, path]) => !existsSync(join(PROJECT_DIR, path!)));
  expect(missing.map(([, path]) => path)).toEqual([]);
});

test.each(DOCUMENTS)("every block of code in %s is closed", (name) => {
  const fences = pageText(name).match(/^```/gm) ?? [];
  expect(fences.length % 2).toBe(0);
});

test.each(DOCUMENTS)("the configurations of %s are accepted", async (name) => {
  for (const { 1: yaml } of pageText(name).matchAll(/^```yaml\n(.*?)^```$/gms)) {
    if (name === "docs/SWEEPS.md") expect(await parseSweep(yaml!, { file: name })).toHaveProperty("cells");
    else expect(await parseConfig(yaml!, { file: name })).toHaveProperty("backtest");
  }
});

describe("README.md reads quickly", () => {
  const readme = pageText("README.md");

  test(`it has ${MAX_README_LINES} lines at most`, () => {
    expect(readme.trimEnd().split("\n").length).toBeLessThanOrEqual(MAX_README_LINES);
  });
});

test.each(["README.md", "docs/CLI.md"])(`no sentence of %s has more than ${MAX_SENTENCE_WORDS} words`, (name) => {
  expect(longSentencesOf(pageText(name))).toEqual([]);
});

function longSentencesOf(page: string): string[] {
  return sentencesOf(page).filter((sentence) => sentence.split(/\s+/).length > MAX_SENTENCE_WORDS);
}

/** The sentences of a page: of its paragraphs, items and cells, not of its code. */
function sentencesOf(page: string): string[] {
  const prose = page
    .replaceAll(/^```.*?^```$/gms, "")
    .replaceAll(/`[^`]*`/g, "code")
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1");
  return prose
    .split(/\n\s*\n|\n(?=[-#|] ?)|\|/)
    .flatMap((paragraph) => paragraph.split(/(?<=[.!?])\s+/))
    .map((sentence) => sentence.replaceAll(/\s+/g, " ").trim())
    .filter((sentence) => sentence !== "");
}
