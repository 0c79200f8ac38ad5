import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { PROJECT_DIR } from "./_samples.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

/** What each part of lib/ may import from lib/, beside its own files. */
const BELOW: Readonly<Record<string, readonly string[]>> = layers([
  ["words"],
  ["files"],
  ["market", "embed", "search", "stats"],
  ["providers", "memory"],
  ["backtest"],
  ["config"],
  ["host"],
]);
/** Files directly in lib/. */
const ROOT_FILES: Readonly<Record<string, string>> = {
  "domain.ts": "words",
  "errors.ts": "words",
  "closest.ts": "words",
  "random.ts": "words",
  "unit-vector.ts": "words",
  "config.ts": "config",
  "_config-check.ts": "config",
  "_config-problems.ts": "config",
  "_config-providers.ts": "config",
  "_config-yaml.ts": "config",
  "mod.ts": "mod",
};
/** The wall clock, dice, and the machine. */
const BANNED = [
  /\bDate\.now\b|\bnew Date\(\s*\)|(?<!new )\bDate\(\)|\bperformance\.now\b/,
  /\bMath\.random\b|\bcrypto\.(?:randomUUID|getRandomValues)\b/,
  /\b(?:process|Bun|Deno)\.|\bBuffer\b/,
];
/** Files that make reports, where a function may be used that engines disagree on in the last digit. */
const REPORTS = ["backtest/metrics.ts", "stats/bootstrap.ts", "stats/normal.ts", "stats/scores.ts", "stats/sharpe.ts"];
/** Powers of bigints are exact. */
const INEXACT =
  /\bMath\.(?:acosh?|asinh?|atan[2h]?|cbrt|cosh?|exp|expm1|hypot|log|log10|log1p|log2|pow|sinh?|tanh?)\b|(?<!\dn )\*\*/;

function layers(rows: readonly (readonly string[])[]): Record<string, string[]> {
  const below: Record<string, string[]> = {};
  for (const [i, row] of rows.entries()) for (const part of row) below[part] = rows.slice(0, i).flat();
  // What an edge worker runs: no machine, no config.yaml.
  below["mod"] = rows.flat().filter((part) => part !== "host" && part !== "config");
  return below;
}

/** The part of lib/ that a file belongs to. */
function partOf(file: string): string {
  const [first = "", ...rest] = file.split("/");
  return rest.length > 0 ? first : (ROOT_FILES[first] ?? `unknown ${first}`);
}

/** Source without comments, near enough for a search. */
function codeOf(file: string): string {
  const source = readFileSync(join(PROJECT_DIR, "lib", file), "utf8");
  return source.replaceAll(/\/\*.*?\*\//gs, "").replaceAll(/^\s*\/\/.*$|\s\/\/ .*$/gm, "");
}

function importsOf(code: string): string[] {
  return [...code.matchAll(/\b(?:from|import)\s*\(?\s*["'`]([^"'`]+)["'`]/g)].map((match) => match[1]!);
}

const FILES = [...new Bun.Glob("**/*.ts").scanSync(join(PROJECT_DIR, "lib"))].map((file) => file.replaceAll("\\", "/"));

describe("lib", () => {
  test.each(FILES.toSorted())("%s keeps to its layer", (file) => {
    const code = codeOf(file);
    const part = partOf(file);
    const wrong = importsOf(code).filter((specifier) => {
      if (/^(?:node:|bun:|bun$)/.test(specifier)) return part !== "host";
      if (!specifier.startsWith(".")) return false;
      const target = posix.join(posix.dirname(file), specifier);
      if (target.startsWith("../")) return part !== "host" || target !== "../package.json";
      return !target.endsWith(".ts") || (partOf(target) !== part && !BELOW[part]?.includes(partOf(target)));
    });
    expect(wrong).toEqual([]);
    if (part === "host") return;

    const banned = REPORTS.includes(file) ? BANNED : [...BANNED, INEXACT];
    expect(banned.flatMap((pattern) => code.match(pattern)?.[0] ?? [])).toEqual([]);
  });

  test("is found, and its imports are", () => {
    expect(FILES).toContain("config.ts");
    expect(importsOf(codeOf("config.ts"))).toContain("./errors.ts");
    expect(importsOf(codeOf("config.ts"))).toContain("yaml");
  });
});

describe("the lint rule", () => {
  /** Lints a copy of the configuration with one planted file. */
  async function lint(file: string, source: string): Promise<string> {
    const dir = mkdtempSync(join(tmpdir(), "carryover-lint-"));
    try {
      cpSync(join(PROJECT_DIR, ".oxlintrc.json"), join(dir, ".oxlintrc.json"));
      symlinkSync(join(PROJECT_DIR, "node_modules"), join(dir, "node_modules"));
      mkdirSync(join(dir, dirname(file)), { recursive: true });
      writeFileSync(join(dir, file), source);
      const oxlint = join(PROJECT_DIR, "node_modules", "oxlint", "bin", "oxlint");
      const child = Bun.spawn([process.execPath, oxlint, "-f", "unix", file], { cwd: dir, stdout: "pipe" });
      return await new Response(child.stdout).text();
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }

  const uses = (specifier: string): string => `import { a } from "${specifier}";\n\nexport const b: number = a;\n`;

  test.each([
    ["lib/market/planted.ts", uses("../memory/memory.ts"), "no-restricted-imports"],
    ["lib/memory/planted.ts", uses("../providers/provider.ts"), "no-restricted-imports"],
    ["lib/providers/planted.ts", uses("../memory/memory.ts"), "no-restricted-imports"],
    ["lib/backtest/planted.ts", uses("../config.ts"), "no-restricted-imports"],
    ["lib/backtest/planted.ts", uses("../host/lock.ts"), "no-restricted-imports"],
    ["lib/files/planted.ts", uses("node:fs"), "no-restricted-imports"],
    ["lib/market/planted.ts", uses("../stats/normal.ts"), "no-restricted-imports"],
    ["lib/stats/planted.ts", uses("../market/bar.ts"), "no-restricted-imports"],
    ["lib/config.ts", uses("node:fs"), "no-restricted-imports"],
    ["lib/errors.ts", uses("./files/names.ts"), "no-restricted-imports"],
    ["lib/mod.ts", uses("./config.ts"), "no-restricted-imports"],
    ["lib/host/planted.ts", uses("../../scripts/_cli.ts"), "no-restricted-imports"],
    ["lib/embed/planted.ts", "export const a: string = process.version;\n", "no-restricted-globals"],
    ["lib/memory/planted.ts", "export const a: number = Date.now();\n", "no-restricted-properties"],
  ])("refuses in %s: %j", async (file, source, rule) => {
    expect(await lint(file, source)).toContain(rule);
  });

  test.each([
    ["lib/memory/planted.ts", uses("../files/names.ts")],
    ["lib/memory/planted.ts", uses("../market/timeframe.ts")],
    ["lib/backtest/planted.ts", uses("../memory/memory.ts")],
    ["lib/memory/planted.ts", uses("../stats/scores.ts")],
    ["lib/host/planted.ts", uses("node:fs")],
    ["lib/host/planted.ts", "export const a: number = Date.now();\n"],
    ["scripts/planted.ts", uses("../lib/host/lock.ts")],
  ])("allows in %s: %j", async (file, source) => {
    expect(await lint(file, source)).toBe("");
  });
});
