import { describe, expect, test } from "bun:test";
import { progressLine, shortened, stripControls } from "../../../scripts/cli/terminal.ts";

/** Runs code with a real terminal on stdout and stderr, by util-linux's `script`. */
async function onPty(code: string, env: Record<string, string> = {}): Promise<string> {
  const module = JSON.stringify(`${import.meta.dir}/../../../scripts/cli/terminal.ts`);
  const source = `import { stripControls, paint, progressLine } from ${module};${code}`;
  const child = Bun.spawn(["script", "-qec", `"${process.execPath}" -e '${source}'`, "/dev/null"], {
    env: { ...process.env, TERM: "xterm", NO_COLOR: "", ...env },
    stdin: "ignore",
    stdout: "pipe",
  });
  return new Response(child.stdout).text();
}

describe("stripControls()", () => {
  test("replaces control characters, and leaves words, tabs and lines", () => {
    const hostile =
      "safe \u202Etxt.exe\u202C \u2066a\u2069 \u001B]0;title\u0007 \u001B[2J \u009B2J \rover\0 \u061C\u200F\u007F";
    const shown = stripControls(hostile);
    expect(shown).toBe(
      "safe \uFFFDtxt.exe\uFFFD \uFFFDa\uFFFD \uFFFD]0;title\uFFFD \uFFFD[2J \uFFFD2J \uFFFDover\uFFFD \uFFFD\uFFFD\uFFFD",
    );
    const plain = "Größe 大小 ✓ ↑ ± \u{1F469}\u200D\u{1F680}\ta\nb";
    expect(stripControls(plain)).toBe(plain);
  });

  test("replaces colour codes if stdout has no colours", () => {
    expect([stripControls("\u001B[31ma\u001B[0m"), stripControls("\u001B[31ma", 2)]).toEqual([
      "\uFFFD[31ma\uFFFD[0m",
      "\uFFFD[31ma",
    ]);
  });

  test.skipIf(Bun.which("script") === null)("leaves only the colours of paint() on a terminal", async () => {
    const code = 'process.stdout.write(stripControls(paint("a", "red") + "\\u001B[8mb\\u001B[2Jc"));';
    expect(await onPty(code)).toBe("\u001B[31ma\u001B[0m\uFFFD[8mb\uFFFD[2Jc");
  });
});

describe("shortened()", () => {
  test("leaves what fits, and cuts the rest off", () => {
    expect(["a", "abcd", "abcde", "äöü大小✓"].map((text) => shortened(text, 4))).toEqual(["a", "abcd", "a...", "ä..."]);
  });

  test("counts no colours, and cuts none of them in two", () => {
    const painted = "\u001B[1mabc\u001B[0m; \u001B[33mdef\u001B[0m";
    expect(shortened(painted, 8)).toBe(painted);
    expect(shortened(painted, 7)).toBe("\u001B[1mabc\u001B[0m;\u001B[33m\u001B[0m...");
    expect(shortened(painted, 5)).toBe("\u001B[1mab\u001B[0m\u001B[33m\u001B[0m...");
  });
});

describe("paint()", () => {
  test("does nothing without a terminal", async () => {
    const child = Bun.spawn(
      [
        process.execPath,
        "-e",
        `import { paint } from "${import.meta.dir}/../../../scripts/cli/terminal.ts";console.log(paint("a", "red"))`,
      ],
      { stdout: "pipe" },
    );
    expect(await new Response(child.stdout).text()).toBe("a\n");
  });

  test.skipIf(Bun.which("script") === null)("colours on a terminal, unless NO_COLOR is set", async () => {
    const code = 'console.log(paint("a", "red"));progressLine().update(() => "b");';
    expect(await onPty(code)).toBe("\u001B[31ma\u001B[0m\r\n\rb\u001B[K");
    expect(await onPty(code, { NO_COLOR: "1" })).toBe("a\r\n\rb\u001B[K");
    // It understands no codes.
    expect(await onPty(code, { TERM: "dumb" })).toBe("a\r\n");
  });
});

describe("progressLine()", () => {
  function onTerminal(columns = 20): { line: ReturnType<typeof progressLine>; out: string[]; clock: { ms: number } } {
    const out: string[] = [];
    const clock = { ms: 0 };
    const write = (text: string): void => void out.push(text);
    return { line: progressLine({ isTerminal: true, columns: () => columns, now: () => clock.ms, write }), out, clock };
  }

  test("writes over itself, at most ten times a second", () => {
    const { line, out, clock } = onTerminal();
    for (; clock.ms < 1000; clock.ms += 10) line.update(() => `${clock.ms}`);
    expect(out).toHaveLength(10);
    expect(out.slice(0, 2)).toEqual(["\r0\u001B[K", "\r100\u001B[K"]);
  });

  test("leaves out fields that do not fit, and never shows half a number", () => {
    for (const [columns, shown] of [
      [26, "2021Q1  equity 9,850.12"],
      [24, "2021Q1  equity 9,850.12"],
      [23, "2021Q1"],
      [6, ""],
    ] as const) {
      const { line, out } = onTerminal(columns);
      line.update(() => "2021Q1  equity 9,850.12  ↑ 3 trades");
      expect(out).toEqual([`\r${shown}\u001B[K`]);
    }
  });

  test("is removed without a trace, and comes back with the next update", () => {
    const { line, out } = onTerminal();
    line.clear();
    line.update(() => "a");
    line.clear();
    line.clear();
    line.update(() => "b");
    expect(out).toEqual(["\ra\u001B[K", "\r\u001B[K", "\rb\u001B[K"]);
  });

  test("does nothing without a terminal", () => {
    const out: string[] = [];
    const write = (text: string): void => void out.push(text);
    const line = progressLine({ isTerminal: false, columns: () => 80, now: () => 0, write });
    line.update(() => "a");
    line.clear();
    expect(out).toEqual([]);
  });
});
