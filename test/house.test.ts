/** The tree holds together: what is pure stays pure, and imports go one way. */
import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { parseSync, Visitor } from "oxc-parser";
import { VERSION } from "../lib/version.ts";
import manifest from "../package.json" with { type: "json" };
import { PROJECT_DIR } from "./samples.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

/** Functions that engines disagree on in the last digit. Powers of bigints are exact. */
const INEXACT =
  /\bMath\.(?:acosh?|asinh?|atan[2h]?|cbrt|cosh?|exp|expm1|hypot|log|log10|log1p|log2|pow|sinh?|tanh?)\b|(?<!\dn )\*\*/;
/** Reports may use them: no decision depends on a report. */
const REPORTS = [
  "results/metrics.ts",
  "stats/bootstrap.ts",
  "stats/forecast-scores.ts",
  "stats/normal.ts",
  "stats/sharpe-significance.ts",
];

const LIB = join(PROJECT_DIR, "lib");
const FILES = [...new Bun.Glob("**/*.ts").scanSync(LIB)].map((file) => file.replaceAll("\\", "/")).toSorted();

/** Source without comments, near enough for a search. */
function codeOf(file: string): string {
  const source = readFileSync(join(LIB, file), "utf8");
  return source.replaceAll(/\/\*.*?\*\//gs, "").replaceAll(/^\s*\/\/.*$|\s\/\/ .*$/gm, "");
}

/** What a file imports, types and dynamic imports included; files of lib/ by their path in it. */
function importsOf(file: string): string[] {
  const specifiers = [...codeOf(file).matchAll(/\b(?:from|import)\s*\(?\s*["'`]([^"'`]+)["'`]/g)].map(
    (match) => match[1]!,
  );
  return specifiers.map((name) => (name.startsWith(".") ? posix.join(posix.dirname(file), name) : name));
}

/** All files that a file imports, and what those import. */
function closureOf(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const name of importsOf(file)) {
    if (FILES.includes(name)) closureOf(name, seen);
    else seen.add(name);
  }
  return seen;
}

describe("what lib/mod.ts reaches", () => {
  const reached = [...closureOf("mod.ts")];

  test("is found, its imports too", () => {
    expect(reached).toContain("memory/store.ts");
    expect(reached).toContain("fflate/browser");
  });

  test("touches no machine", () => {
    expect(reached.filter((name) => /^(?:node:|bun:|bun$)|\.node\.ts$/.test(name))).toEqual([]);
  });

  test("imports nothing from around the library", () => {
    expect(reached.filter((name) => name.startsWith("../"))).toEqual([]);
  });

  test("has the version of the package", () => {
    expect(VERSION).toBe(manifest.version);
  });

  test.each(reached.filter((name) => FILES.includes(name) && !REPORTS.includes(name)))(
    "%s computes with what all engines agree on",
    (file) => expect(codeOf(file).match(INEXACT)?.[0]).toBeUndefined(),
  );
});

test("no folder of lib/ imports one that imports it", () => {
  const folderOf = (file: string): string => file.split("/")[0]!;
  const direct = new Map<string, Set<string>>();
  for (const file of FILES) {
    const others = importsOf(file).filter((name) => FILES.includes(name) && folderOf(name) !== folderOf(file));
    const known = direct.get(folderOf(file)) ?? new Set();
    direct.set(folderOf(file), known.union(new Set(others.map(folderOf))));
  }
  const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
    [...(direct.get(from) ?? [])].some((next) => {
      if (next === to) return true;
      return !seen.has(next) && reaches(next, to, seen.add(next));
    });
  expect([...direct.keys()].filter((folder) => reaches(folder, folder))).toEqual([]);
  expect(reaches("backtest", "memory")).toBe(true);
  for (const [a, b] of [
    ["providers", "memory"],
    ["memory", "providers"],
  ] as const)
    expect(reaches(a, b)).toBe(false);
});

test("commands in messages are written whole, so that the package can name them as its users do", () => {
  const files = ["lib", "scripts"].flatMap((folder) =>
    [...new Bun.Glob(`${folder}/**/*.ts`).scanSync(PROJECT_DIR)].map((file) => join(PROJECT_DIR, file)),
  );
  const composed = files.filter((file) => /bun scripts\/\$\{/.test(readFileSync(file, "utf8")));
  expect(composed).toEqual([]);
  expect(files.length).toBeGreaterThan(200);
});

test("every expect(...).rejects is awaited; without it, it proves nothing", () => {
  const floating = [...new Bun.Glob("**/*.ts").scanSync(import.meta.dir)].flatMap((file) => {
    const source = readFileSync(join(import.meta.dir, file), "utf8");
    if (!/\.(?:rejects|resolves)\./.test(source)) return [];
    const found: string[] = [];
    const visitor = new Visitor({
      ExpressionStatement: ({ expression, start }) => {
        const text = source.slice(expression.start, expression.end);
        const isFloating = expression.type === "CallExpression" && text.startsWith("expect(");
        if (isFloating && /\)\s*\.(?:not\.)?(?:rejects|resolves)\./.test(text)) {
          found.push(`${file}:${source.slice(0, start).split("\n").length}`);
        }
      },
    });
    visitor.visit(parseSync(file, source).program);
    return found;
  });
  expect(floating).toEqual([]);
});

describe("the lint rule", () => {
  const uses = (specifier: string): string => `import { a } from "${specifier}";\n\nexport const b: number = a;\n`;
  const refused = [
    ["lib/storage/planted.ts", uses("node:fs"), "no-restricted-imports"],
    ["lib/config/parse.ts", uses("bun:sqlite"), "no-restricted-imports"],
    ["lib/backtest/planted.ts", uses("../storage/lock.node.ts"), "no-restricted-imports"],
    ["lib/mod.ts", uses("./storage/disk.node.ts"), "no-restricted-imports"],
    ["lib/memory/scripts.ts", uses("../../scripts/cli/main.ts"), "no-restricted-imports"],
    ["lib/storage/scripts.node.ts", uses("../../scripts/cli/main.ts"), "no-restricted-imports"],
    ["lib/embed/process.ts", "export const a: string = process.version;\n", "no-restricted-globals"],
    ["lib/embed/buffer.ts", "export const a: unknown = Buffer.from([]);\n", "no-restricted-globals"],
    ["lib/memory/clock.ts", "export const a: number = Date.now();\n", "no-restricted-properties"],
    ["lib/memory/random.ts", "export const a: number = Math.random();\n", "no-restricted-properties"],
  ] as const;
  const allowed = [
    ["lib/memory/names.ts", uses("../util/names.ts")],
    ["lib/storage/fs.node.ts", uses("node:fs")],
    ["lib/storage/clock.node.ts", "export const a: number = Date.now();\n"],
    ["scripts/planted.ts", uses("../lib/storage/lock.node.ts")],
  ] as const;

  /** What the linter says of all these files, in a folder with a copy of the configuration. */
  let said: readonly string[] = [];
  beforeAll(async () => {
    const dir = mkdtempSync(join(tmpdir(), "carryover-lint-"));
    try {
      cpSync(join(PROJECT_DIR, ".oxlintrc.json"), join(dir, ".oxlintrc.json"));
      symlinkSync(join(PROJECT_DIR, "node_modules"), join(dir, "node_modules"));
      for (const [file, source] of [...refused, ...allowed]) {
        mkdirSync(join(dir, dirname(file)), { recursive: true });
        writeFileSync(join(dir, file), source);
      }
      const oxlint = join(PROJECT_DIR, "node_modules", "oxlint", "bin", "oxlint");
      const child = Bun.spawn([process.execPath, oxlint, "-f", "unix", "lib", "scripts"], { cwd: dir, stdout: "pipe" });
      said = (await new Response(child.stdout).text()).split("\n");
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  test.each(refused)("refuses in %s: %j", (file, _source, rule) => {
    expect(said.filter((line) => line.startsWith(`${file}:`)).join("\n")).toContain(rule);
  });

  test.each(allowed)("allows in %s: %j", (file) => {
    expect(said.filter((line) => line.startsWith(`${file}:`))).toEqual([]);
  });
});
