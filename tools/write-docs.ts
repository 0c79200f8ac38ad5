/**
 * Runs the commands of the documents and writes below them what they print.
 *
 *     bun run docs [--slow]
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const PROJECT_DIR = join(import.meta.dirname, "..");

/** Pages whose commands are run, in this order and in one folder. The first begins in a fresh clone. */
export const PAGES: readonly string[] = [
  "README.md",
  "docs/READING.md",
  "docs/PROVIDERS.md",
  "docs/COOKBOOK.md",
  "docs/LIBRARY.md",
  "docs/RESULTS.md",
];

/** An `sh` block of a page, and the `text` blocks that follow it. */
export interface Example {
  readonly command: string;
  /** Whether it takes minutes. Its block is marked `sh slow`, and only `bun run test:slow` runs it. */
  readonly isSlow: boolean;
  /** What the page says it prints, in parts that a blank line separates; none if the page does not say. */
  readonly printed: readonly { readonly text: string; readonly start: number }[];
}

/** The examples of a page, in order. */
export function examplesOf(page: string): Example[] {
  const examples: { command: string; isSlow: boolean; printed: { text: string; start: number }[] }[] = [];
  for (const { 1: info, 2: text, index } of page.matchAll(/^```(sh|sh slow|text)\n(.*?)^```$/gms)) {
    if (info === "text") examples.at(-1)?.printed.push({ text: text!, start: index + "```text\n".length });
    else examples.push({ command: text!.trim(), isSlow: info === "sh slow", printed: [] });
  }
  return examples;
}

/** What a page says an example prints; `undefined` if it does not say. */
export function printedBy({ printed }: Example): string | undefined {
  return printed.length === 0 ? undefined : printed.map(({ text }) => text).join("\n");
}

/** A copy of the project for running examples in. */
interface Clone {
  addBars(barsDir: string): void;
  /** Runs commands in a shell, as a reader would, and stops at the first that fails. */
  run(command: string): Promise<{ code: number; stdout: string; stderr: string }>;
  remove(): void;
}

/** Copies the project without ignored files and without its tests, which the scripts must not need. */
export function cloneProject(): Clone {
  const work = mkdtempSync(join(tmpdir(), "carryover-docs-"));
  const folder = join(work, "carryover");
  const tools = join(work, "bin");
  for (const name of projectFiles()) {
    if (name.startsWith("test/") || !existsSync(join(PROJECT_DIR, name))) continue;
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    copyFileSync(join(PROJECT_DIR, name), join(folder, name));
  }
  symlinkSync(join(PROJECT_DIR, "node_modules"), join(folder, "node_modules"));
  mkdirSync(tools);
  symlinkSync(process.execPath, join(tools, "bun"));
  return {
    addBars: (barsDir) => {
      for (const name of readdirSync(barsDir)) symlinkSync(join(barsDir, name), join(folder, "data", "market", name));
    },
    run: async (command) => {
      const child = Bun.spawn(["bash", "-e", "-c", command], {
        cwd: folder,
        env: { ...process.env, PATH: `${tools}:${process.env["PATH"]}`, NO_COLOR: "1" },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      });
      const [stdout, stderr] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]);
      return { code: await child.exited, stdout, stderr };
    },
    remove: () => rmSync(work, { recursive: true }),
  };
}

/** The files of the project by name, without ignored ones. A folder that was downloaded as an archive is no repository of git. */
function projectFiles(): readonly string[] {
  const listed = Bun.spawnSync(["git", "ls-files", "--cached", "--others", "--exclude-standard"], { cwd: PROJECT_DIR });
  if (listed.success) return listed.stdout.toString().trim().split("\n");
  const ignored = /^(?:node_modules|dist|my|test)\/|^data\/(?!sample\/)[^/]+\/(?!\.gitkeep$)/;
  return [...new Bun.Glob("**/*").scanSync({ cwd: PROJECT_DIR, dot: true })].filter((name) => !ignored.test(name));
}

/** Puts new output below an example: each part keeps its count of paragraphs. */
function withOutput(page: string, { command, printed }: Example, stdout: string): string {
  const paragraphs = stdout.trimEnd().split("\n\n");
  const counts = printed.map(({ text }) => text.trimEnd().split("\n\n").length);
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (printed.length > 1 && total !== paragraphs.length) {
    throw new Error(
      `Cannot divide the output of "${command}": found ${paragraphs.length} paragraphs, expected ${total}`,
    );
  }
  let rest = paragraphs;
  let result = page;
  let moved = 0;
  for (const [i, { text, start }] of printed.entries()) {
    const count = printed.length === 1 ? rest.length : counts[i]!;
    const part = `${rest.slice(0, count).join("\n\n")}\n`;
    result = result.slice(0, start + moved) + part + result.slice(start + moved + text.length);
    rest = rest.slice(count);
    moved += part.length - text.length;
  }
  return result;
}

/** The first command of a page, without what installs; the page shows how its output begins. */
export function firstRun(page: string): { command: string; printed: string } {
  const [install, second] = examplesOf(page);
  return { command: install!.command.replace("bun install && ", ""), printed: printedBy(second!)! };
}

async function writeFirstRun(path: string, run: (command: string) => Promise<string>): Promise<void> {
  const page = readFileSync(path, "utf8");
  const { command, printed } = firstRun(page);
  const paragraphs = (await run(command)).split("\n\n").slice(0, printed.split("\n\n").length);
  writeFileSync(
    path,
    page.replace(printed, () => `${paragraphs.join("\n\n").trimEnd()}\n`),
  );
}

/** Puts a script's help below its heading. */
function withHelp(page: string, name: string, help: string): string {
  return page.replace(
    new RegExp(`(^## ${name}\n\n\`\`\`text\n).*?(^\`\`\`$)`, "ms"),
    (_all, head, tail) => head + help + tail,
  );
}

async function writeDocs(barsDir: string, options: { withSlow: boolean }): Promise<void> {
  const clone = cloneProject();
  const runOrThrow = async (command: string): Promise<string> => {
    const { code, stdout, stderr } = await clone.run(command);
    if (code !== 0) throw new Error(`Cannot run "${command}": exit code ${code}\n${stderr}`);
    return stdout;
  };
  try {
    clone.addBars(barsDir);
    for (const name of PAGES) {
      const path = join(PROJECT_DIR, name);
      // The first two commands of README.md install, and run on the sample and the tests.
      const skipped = name === PAGES[0] ? 2 : 0;
      if (skipped > 0) await writeFirstRun(path, runOrThrow);
      for (let i = skipped; i < examplesOf(readFileSync(path, "utf8")).length; i++) {
        const page = readFileSync(path, "utf8");
        const example = examplesOf(page)[i]!;
        if (example.isSlow && !options.withSlow) continue;
        const stdout = await runOrThrow(example.command);
        if (example.printed.length > 0) writeFileSync(path, withOutput(page, example, stdout));
      }
    }
    const cli = join(PROJECT_DIR, "docs/CLI.md");
    for (const script of readdirSync(join(PROJECT_DIR, "scripts")).filter((file) => file.endsWith(".ts"))) {
      const help = await runOrThrow(`bun scripts/${script} --help`);
      writeFileSync(cli, withHelp(readFileSync(cli, "utf8"), script.replace(".ts", ""), help));
    }
  } finally {
    clone.remove();
  }
}

if (import.meta.main) {
  const barsDir = process.env["CARRYOVER_REAL_BARS"] ?? join(PROJECT_DIR, "..", "shared", "data", "market");
  await writeDocs(barsDir, { withSlow: process.argv.includes("--slow") });
}
