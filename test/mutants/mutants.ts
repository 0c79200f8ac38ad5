/**
 * Mutates the files that decide and store, one edit at a time, and runs their tests: an edit that no test notices shows a hole in them.
 *
 *     bun test/mutants/mutants.ts [--files TEXT] [--share K/N] [--limit SECONDS]
 *
 * `--files`: only files whose path contains the text. `--share 2/40`: the second of forty parts of the list. `--limit`: stops after
 * so many seconds. Prints what survives, and exits with 1 if less than 97 % of the mutants that change behaviour are caught; of a
 * share, which is small, less than 90 %.
 *
 * StrykerJS has no runner for bun:test (stryker-mutator/stryker-js#4439), and no mutator that takes away an await, a sync or a sort.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { PROJECT_DIR } from "../samples.ts";
import { EQUIVALENT } from "./equivalent.ts";
import { mutated, mutationsOf, type Mutation } from "./mutations.ts";
import { copyProject } from "./project-copy.ts";
import { TARGETS, testsOf } from "./targets.ts";

const MIN_CAUGHT_PCT = 97;
const MIN_CAUGHT_PCT_OF_SHARE = 90;
/** A mutant that never ends is caught. */
const timeLimitMs = (usualMs: number): number => 5000 + 5 * usualMs;

interface Mutant extends Mutation {
  /** Relative to the project. */
  readonly file: string;
}

/** What became of the mutants of a file. */
interface Counts {
  caught: number;
  equivalent: number;
  survived: number;
}

/** Runs tests until the first failure. Returns whether all passed, and how long that took. */
async function runTests(
  folder: string,
  tests: readonly string[],
  limitMs: number,
): Promise<{ pass: boolean; ms: number }> {
  const startedMs = performance.now();
  const child = Bun.spawn([process.execPath, "test", "--bail", "--timeout", "60000", ...tests], {
    cwd: folder,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
    // A process group of its own, so that nothing it started outlives it.
    detached: true,
  });
  const timer = setTimeout(() => process.kill(-child.pid, "SIGKILL"), limitMs);
  const code = await child.exited;
  clearTimeout(timer);
  return { pass: code === 0, ms: performance.now() - startedMs };
}

/** The mutants of a file that change nothing, as the list has them. */
function equivalentOf(file: string, mutants: readonly Mutant[], lines: readonly string[]): ReadonlySet<Mutant> {
  const found = EQUIVALENT.filter((entry) => entry.file === file).flatMap((entry): Mutant[] => {
    const { mutation, near = "", nth } = entry;
    const fitting = mutants.filter(({ text, line }) => text === mutation && lines[line - 1]!.includes(near));
    const chosen = nth === undefined ? fitting : fitting.slice(nth - 1, nth);
    if (chosen.length === 0) console.log(`to be removed from the list, as it fits no mutant: ${JSON.stringify(entry)}`);
    return chosen;
  });
  return new Set(found);
}

const { values } = parseArgs({
  options: { files: { type: "string" }, share: { type: "string" }, limit: { type: "string" } },
});
const [part, parts] = (values.share ?? "1/1").split("/").map(Number) as [number, number];
if (!(part >= 1 && part <= parts))
  throw new Error(`Cannot use --share: found "${values.share}", expected such as 2/40`);
const endMs = performance.now() + 1000 * Number(values.limit ?? Infinity);

const files = Object.keys(TARGETS).filter((file) => file.includes(values.files ?? ""));
if (files.length === 0) throw new Error(`found no file "${values.files}" in test/mutants/targets.ts`);
const harmless = new Set<Mutant>();
const all = files.flatMap((file) => {
  const source = readFileSync(join(PROJECT_DIR, file), "utf8");
  const mutants = mutationsOf(source).map((mutation): Mutant => ({ file, ...mutation }));
  for (const mutant of equivalentOf(file, mutants, source.split("\n"))) harmless.add(mutant);
  return mutants;
});
const share = all.slice(Math.floor(((part - 1) * all.length) / parts), Math.floor((part * all.length) / parts));

const folder = mkdtempSync(join(tmpdir(), "carryover-mutants-"));
copyProject(folder, [
  "lib",
  "scripts",
  "test",
  "docs",
  "data",
  "package.json",
  "bunfig.toml",
  "tsconfig.json",
  "config.yaml",
]);
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

/** Tries the mutants of one file. */
async function tryFile(file: string, mutants: readonly Mutant[]): Promise<Counts> {
  const counts: Counts = { caught: 0, equivalent: 0, survived: 0 };
  const path = join(folder, file);
  const source = readFileSync(path, "utf8");
  const tests = testsOf(file).filter((test) => existsSync(join(folder, test)));
  if (tests.length === 0) throw new Error(`found no test of ${file}`);
  const usual = await runTests(folder, tests, 300_000);
  if (!usual.pass) throw new Error(`"bun test ${tests.join(" ")}" fails without a mutation`);
  for (const mutant of mutants) {
    if (performance.now() > endMs) break;
    if (harmless.has(mutant)) {
      counts.equivalent += 1;
      continue;
    }
    writeFileSync(path, mutated(source, mutant));
    const { pass } = await runTests(folder, tests, timeLimitMs(usual.ms));
    counts[pass ? "survived" : "caught"] += 1;
    if (pass) console.log(`survives: ${file}:${mutant.line} ${mutant.kind}: ${mutant.text}`);
  }
  writeFileSync(path, source);
  return counts;
}

const percentOf = ({ caught, survived }: Counts): number => (100 * caught) / Math.max(1, caught + survived);
const total: Counts = { caught: 0, equivalent: 0, survived: 0 };
for (const [file, mutants] of Map.groupBy(share, ({ file: name }) => name)) {
  const counts = await tryFile(file, mutants);
  for (const key of ["caught", "equivalent", "survived"] as const) total[key] += counts[key];
  const { caught, equivalent, survived } = counts;
  console.log(
    `${file}: ${caught} caught, ${survived} survive, ${equivalent} equivalent: ${percentOf(counts).toFixed(1)} %`,
  );
}
const tried = total.caught + total.survived;
console.log(
  `${total.caught} of ${tried} mutants caught, ${total.equivalent} change nothing: ${percentOf(total).toFixed(1)} %`,
);
const min = parts === 1 ? MIN_CAUGHT_PCT : MIN_CAUGHT_PCT_OF_SHARE;
if (tried > 0 && percentOf(total) < min) process.exitCode = 1;
