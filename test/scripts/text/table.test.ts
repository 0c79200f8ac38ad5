import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import {
  countOf,
  duration,
  fitChunks,
  fixed,
  stripControls,
  money,
  multiplier,
  pct,
  progressLine,
  shownPath,
  signed,
  signedPct,
  table,
  trendArrow,
} from "../../../scripts/text/table.ts";

describe("table()", () => {
  test("puts numbers right, words left, and nothing at the ends of lines", () => {
    const columns = [{ title: "quarter", align: "left" }, { title: "P&L" }, { title: "note", align: "left" }] as const;
    expect(
      table(columns, [
        ["2021Q1", "10.5", "ok"],
        ["Q2", "-1,200.0"],
      ]),
    ).toBe(
      ["quarter       P&L  note", "-------  --------  ----", "2021Q1       10.5  ok", "Q2       -1,200.0", ""].join(
        "\n",
      ),
    );
  });

  test("counts what is seen, not what it takes to colour it", () => {
    const text = table([{ title: "a" }, { title: "b" }], [["\u001B[31m-1\u001B[0m", "↑2"]]);
    expect(text).toBe(" a   b\n--  --\n\u001B[31m-1\u001B[0m  ↑2\n");
  });
});

describe("stripControls()", () => {
  test("takes what a terminal would obey out of text, and leaves words, tabs and lines", () => {
    const hostile =
      "safe \u202Etxt.exe\u202C \u2066a\u2069 \u001B]0;title\u0007 \u001B[2J \u009B2J \rover\0 \u061C\u200F\u007F";
    const shown = stripControls(hostile);
    expect(shown).toBe(
      "safe \uFFFDtxt.exe\uFFFD \uFFFDa\uFFFD \uFFFD]0;title\uFFFD \uFFFD[2J \uFFFD2J \uFFFDover\uFFFD \uFFFD\uFFFD\uFFFD",
    );
    const plain = "Größe 大小 ✓ ↑ ± \u{1F469}\u200D\u{1F680}\ta\nb";
    expect(stripControls(plain)).toBe(plain);
  });

  test("takes colours out where there are none", () => {
    expect([stripControls("\u001B[31ma\u001B[0m"), stripControls("\u001B[31ma", 2)]).toEqual([
      "\uFFFD[31ma\uFFFD[0m",
      "\uFFFD[31ma",
    ]);
  });

  test.skipIf(Bun.which("script") === null)(
    "leaves the colours of paint() on a terminal, and nothing else",
    async () => {
      const code = 'process.stdout.write(stripControls(paint("a", "red") + "\\u001B[8mb\\u001B[2Jc"));';
      expect(await onPty(code)).toBe("\u001B[31ma\u001B[0m\uFFFD[8mb\uFFFD[2Jc");
    },
  );
});

describe("fitChunks()", () => {
  const build = (shown: number): string => `${"12345 ".repeat(shown).trimEnd()}\nrow\n`;

  test("shows the chunks that a line has room for, six at most, and says how many there are", () => {
    expect(fitChunks(build, { count: 4, width: 23 })).toBe(build(4));
    expect(fitChunks(build, { count: 4, width: 22 })).toBe(`${build(3)}The last 3 of 4 chunks; --json has them all\n`);
    expect(fitChunks(build, { count: 9, width: 99 })).toBe(`${build(6)}The last 6 of 9 chunks; --json has them all\n`);
  });

  test("shows one where there is room for none, and a table without chunks whole", () => {
    expect(fitChunks(build, { count: 4, width: 1 })).toStartWith("12345\nrow\n");
    expect(fitChunks(() => "a long line\n", { count: 1, width: 1 })).toBe("a long line\n");
  });
});

describe("numbers", () => {
  test("are grouped, rounded and signed", () => {
    expect([money(10250.5), money(-1234567.891), money(999.999), fixed(1000, 0)]).toEqual([
      "10,250.50",
      "-1,234,567.89",
      "1,000.00",
      "1,000",
    ]);
    expect([signed(0.126), signed(-2), signed(0), signedPct(2.449)]).toEqual(["+0.13", "-2.00", "0.00", "+2.4%"]);
    expect([pct(53.14), multiplier(1.2096), multiplier(0.83)]).toEqual(["53.1%", "1.21x", "0.83x"]);
  });

  test("have no sign where they round to 0", () => {
    expect([fixed(-0.001), signed(0.001), signed(-0.001)]).toEqual(["0.00", "0.00", "0.00"]);
  });

  test("are a dash where they are undefined", () => {
    expect([money(null), pct(null), signedPct(null), multiplier(null), signed(NaN)]).toEqual(["-", "-", "-", "-", "-"]);
  });

  test("say how long something takes", () => {
    expect([duration(0), duration(59_400), duration(245_000), duration(7_380_000), duration(-5)]).toEqual([
      "0s",
      "59s",
      "4m 05s",
      "2h 03m",
      "0s",
    ]);
  });
});

describe("trendArrow()", () => {
  test("points only where the change is larger than its standard error", () => {
    expect([trendArrow(3, 2), trendArrow(-3, 2), trendArrow(2, 2), trendArrow(1, 2)]).toEqual(["↑", "↓", "~", "~"]);
  });

  test("does not point where one of the two is unknown", () => {
    expect([trendArrow(null, 1), trendArrow(1, null), trendArrow(NaN, 1), trendArrow(1, NaN)]).toEqual([
      "~",
      "~",
      "~",
      "~",
    ]);
  });
});

describe("shownPath()", () => {
  test("is short inside the current folder, and whole elsewhere and in the root", () => {
    expect(shownPath(join(process.cwd(), "data", "memory"))).toBe(join("data", "memory"));
    expect(shownPath(process.cwd())).toBe(".");
    const before = process.cwd();
    try {
      process.chdir(import.meta.dir);
      expect(shownPath(before)).toBe(before);
      process.chdir("/");
      expect([shownPath("/tmp/a"), shownPath("/")]).toEqual(["/tmp/a", "/"]);
    } finally {
      process.chdir(before);
    }
  });
});

describe("countOf()", () => {
  test("knows one from more", () => {
    expect([0, 1, 1200].map((number) => countOf(number, "snapshot"))).toEqual([
      "0 snapshots",
      "1 snapshot",
      "1,200 snapshots",
    ]);
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

  test("leaves out the fields that the terminal has no room for, and never shows half a number", () => {
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

  test("is removed without a trace, and comes back at once", () => {
    const { line, out } = onTerminal();
    line.clear();
    line.update(() => "a");
    line.clear();
    line.clear();
    line.update(() => "b");
    expect(out).toEqual(["\ra\u001B[K", "\r\u001B[K", "\rb\u001B[K"]);
  });

  test("is not there without a terminal", () => {
    const out: string[] = [];
    const write = (text: string): void => void out.push(text);
    const line = progressLine({ isTerminal: false, columns: () => 80, now: () => 0, write });
    line.update(() => "a");
    line.clear();
    expect(out).toEqual([]);
  });
});

/** Runs code with a real terminal on stdout and stderr, by util-linux's `script`. */
async function onPty(code: string, env: Record<string, string> = {}): Promise<string> {
  const module = JSON.stringify(`${import.meta.dir}/../../../scripts/text/table.ts`);
  const source = `import { stripControls, paint, progressLine } from ${module};${code}`;
  const child = Bun.spawn(["script", "-qec", `"${process.execPath}" -e '${source}'`, "/dev/null"], {
    env: { ...process.env, TERM: "xterm", NO_COLOR: "", ...env },
    stdin: "ignore",
    stdout: "pipe",
  });
  return new Response(child.stdout).text();
}

describe("paint()", () => {
  test("leaves text alone where there is no terminal", async () => {
    const child = Bun.spawn(
      [
        process.execPath,
        "-e",
        `import { paint } from "${import.meta.dir}/../../../scripts/text/table.ts";console.log(paint("a", "red"))`,
      ],
      { stdout: "pipe" },
    );
    expect(await new Response(child.stdout).text()).toBe("a\n");
  });

  test.skipIf(Bun.which("script") === null)("colours on a terminal, unless NO_COLOR is set", async () => {
    const code = 'console.log(paint("a", "red"));progressLine().update(() => "b");';
    expect(await onPty(code)).toBe("\u001B[31ma\u001B[0m\r\n\rb\u001B[K");
    expect(await onPty(code, { NO_COLOR: "1" })).toBe("a\r\n\rb\u001B[K");
    // One that obeys no codes gets none.
    expect(await onPty(code, { TERM: "dumb" })).toBe("a\r\n");
  });
});
