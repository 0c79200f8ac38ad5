import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CarryoverError } from "../../../lib/errors.ts";
import { parseFlags, SHARED_FLAGS } from "../../../scripts/cli/args.ts";
import { PROJECT_DIR } from "../../samples.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const SCRIPT = join(PROJECT_DIR, "test", "fixtures", "cli", "script.ts");

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the fixture script in a shell, so that pipes and closed descriptors are real. `$SCRIPT` starts it. */
async function shell(line: string, cwd?: string): Promise<Result> {
  const child = Bun.spawn(["bash", "-c", line], {
    cwd: cwd ?? PROJECT_DIR,
    env: { ...process.env, SCRIPT: `${process.execPath} ${SCRIPT}` },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, stdout, stderr };
}

describe("runScript()", () => {
  test("hands 5 MB to a slow pipe whole", async () => {
    const { stdout, stderr } = await shell("$SCRIPT big | (sleep 0.3; wc -c)");
    // {"text":"..."} and a newline around five million characters.
    expect(stdout.trim()).toBe("5000012");
    expect(stderr).toBe("the script came to its end\n");
  });

  test.each(["big", "lines"])("ends quietly when the reader of %s goes away", async (what) => {
    const { stdout, stderr } = await shell(`$SCRIPT ${what} | head -c 4; echo " \${PIPESTATUS[0]}"`);
    expect(stdout).toMatch(/^.{4} 0\n$/s);
    expect(stderr).toBe("");
  });

  test("ends quietly with stdout closed, and with stderr closed", async () => {
    expect(await shell("$SCRIPT big >&-")).toMatchObject({ code: 0, stderr: "the script came to its end\n" });
    expect(await shell("$SCRIPT speak 2>&-")).toEqual({ code: 4, stdout: "a result\n", stderr: "" });
  });

  test("keeps stdout for the result, and exits with what main returns", async () => {
    expect(await shell("$SCRIPT speak")).toEqual({
      code: 4,
      stdout: "a result\n",
      stderr: "a note\nwarning: a warning\n",
    });
  });

  test.each([
    ["BAD_USAGE", 2],
    ["BAD_CONFIG", 2],
    ["BAD_OUTCOME", 2],
    ["NOT_FOUND", 3],
    ["BAD_DATA", 4],
    ["CORRUPT", 4],
    ["CONFLICT", 4],
    ["LOCKED", 5],
    ["READ_ONLY", 1],
    ["IO", 1],
  ])("says each problem of %s on a line of stderr and exits with %i", async (code, exit) => {
    expect(await shell(`$SCRIPT fail ${code}`)).toEqual({
      code: exit,
      stdout: "",
      stderr:
        "error: Cannot do this: found one thing\nerror: Cannot do that: found another\n  caused by: the disk is on fire\n",
    });
  });

  test("calls what is no expected failure a bug, with its stack", async () => {
    const { code, stderr } = await shell("$SCRIPT bug");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^TypeError: undefined is not a function\n +at .*script\.ts/);
    expect(stderr).toContain("error: This is a bug in Carryover");
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("asks main to stop at %s and exits with %i", async (signal, exit) => {
    const child = Bun.spawn([process.execPath, SCRIPT, "wait"], { stderr: "pipe" });
    await child.stderr.getReader().read();
    child.kill(signal);
    expect(await child.exited).toBe(exit);
    expect(child.signalCode).toBeNull();
  });

  test("is killed at once by a second Ctrl-C", async () => {
    const child = Bun.spawn([process.execPath, SCRIPT, "deaf"], { stderr: "pipe" });
    try {
      const reader = child.stderr.getReader();
      await reader.read();
      child.kill("SIGINT");
      expect(new TextDecoder().decode((await reader.read()).value)).toBe("asked to stop\n");
      child.kill("SIGINT");
      await child.exited;
      expect(child.signalCode).toBe("SIGINT");
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("prints help on stdout", async () => {
    const { code, stdout, stderr } = await shell("$SCRIPT --help --no-such-flag=1");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toBe(
      [
        "Does what its first word says.",
        "",
        "Usage:",
        "  bun script.ts WHAT [flags]",
        "",
        "Flags:",
        "  --config FILE     configuration (default: ./config.yaml, else the project's)",
        "  --memory-dir DIR  memory folder (default: memory.dir of the configuration)",
        "  --json            print the result as JSON",
        "  --number N        a number",
        "  --help            show this help",
        "",
        "Example:",
        "  bun script.ts big --json",
        "",
        "Exit codes: 0 ok, 1 a bug or an I/O failure, 2 usage or configuration, 3 something asked for is missing,",
        "4 damaged data found, 5 locked by another process, 130 interrupted, 143 terminated",
        "",
      ].join("\n"),
    );
  });
});

describe("parseFlags()", () => {
  const spec = {
    summary: "",
    usage: "",
    example: "",
    maxPositionals: 1,
    flags: {
      ...SHARED_FLAGS,
      provider: { type: "string", value: "P", help: "", multiple: true },
      seed: { type: "integer", value: "N", help: "" },
      "keep-last": { type: "integer", value: "N", help: "", min: 1 },
      watch: { type: "optional-number", value: "SECONDS", help: "" },
    },
  } as const;

  test("reads every kind of flag", () => {
    const argv = ["--provider", "a", "list", "--provider=b", "--seed", "7", "--json", "--watch", "0.5", "--config=-"];
    const { flags, positionals } = parseFlags(argv, spec);
    expect(positionals).toEqual(["list"]);
    expect(flags).toEqual({
      config: "-",
      "memory-dir": undefined,
      json: true,
      provider: ["a", "b"],
      seed: 7,
      "keep-last": undefined,
      watch: 0.5,
    });
  });

  test("gives what was not asked for its empty value", () => {
    const { flags, positionals } = parseFlags([], spec);
    expect([flags.json, flags.provider, flags.watch, positionals]).toEqual([false, [], undefined, []]);
    expect(parseFlags(["--watch"], spec).flags.watch).toBe(true);
    expect(parseFlags(["--", "--json"], spec).positionals).toEqual(["--json"]);
  });

  test.each([
    ["--memory-dri x", "Cannot use --memory-dri: found no such flag, expected --memory-dir"],
    ["-x", "Cannot use -x: found no such flag, expected one of --config, --memory-dir, --json"],
    [
      "--config",
      "Cannot use --config: found nothing after it, expected FILE: configuration (default: ./config.yaml, else the project's)",
    ],
    [
      "--config --json",
      'Cannot use --config: found "--json", expected FILE: configuration (default: ./config.yaml, else the project\'s)',
    ],
    [
      "--config=",
      'Cannot use --config: found "", expected FILE: configuration (default: ./config.yaml, else the project\'s)',
    ],
    ["--json=yes", 'Cannot use --json: found "yes", expected no value'],
    ["--seed 1.5", 'Cannot use --seed: found "1.5", expected a whole number, 0 or more'],
    ["--seed=-1", 'Cannot use --seed: found "-1", expected a whole number, 0 or more'],
    ["--keep-last 0", 'Cannot use --keep-last: found "0", expected a whole number, 1 or more'],
    ["--watch 0", 'Cannot use --watch: found "0", expected a number above 0'],
    ["--seed 1 --seed 2", "Cannot use --seed: found it twice, expected it once"],
    ["one two", 'Cannot use "two": found one word too many, expected at most 1 word'],
  ])("refuses %s", (line, wanted) => {
    expect(() => parseFlags(line.split(" "), spec)).toThrow(wanted);
  });

  test("says all problems at once", () => {
    try {
      parseFlags(["--jsn", "--seed", "x"], spec);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(CarryoverError);
      expect(error).toMatchObject({ code: "BAD_USAGE", message: expect.stringMatching(/--jsn.*\n.*--seed/) });
    }
  });
});

describe("where the configuration is", () => {
  let dir = "";

  beforeAll(() => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), "carryover-cli-")));
    for (const folder of ["own", "typo", "twice", "none"]) mkdirSync(join(dir, folder));
    writeFileSync(join(dir, "own", "config.yaml"), "memory: { dir: kept }\nbacktest: { data_dir: ../bars }\n");
    writeFileSync(join(dir, "typo", "config.yaml"), "memory:\n  dri: kept\n");
    writeFileSync(join(dir, "twice", "config.yaml"), "memory:\n  dir: a\n  dir: b\n");
    writeFileSync(join(dir, "bad.yaml"), "backtest: { seed: x }\n");
    writeFileSync(join(dir, "latin1.yaml"), Buffer.from([0x23, 0xe4, 0x0a]));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test("takes ./config.yaml, with paths relative to its folder", async () => {
    const { stdout } = await shell("$SCRIPT load", join(dir, "own"));
    expect(JSON.parse(stdout)).toEqual({
      file: join(dir, "own", "config.yaml"),
      baseDir: join(dir, "own"),
      memory: join(dir, "own", "kept"),
      data: join(dir, "bars"),
    });
  });

  test("takes the project's where the current folder has none", async () => {
    const { stdout } = await shell("$SCRIPT load", join(dir, "none"));
    expect(JSON.parse(stdout)).toMatchObject({ memory: join(PROJECT_DIR, "data", "memory") });
  });

  test("takes --config from the current folder, and paths in it from its own", async () => {
    const { stdout } = await shell("$SCRIPT load --config ../own/config.yaml", join(dir, "none"));
    expect(JSON.parse(stdout)).toMatchObject({ memory: join(dir, "own", "kept") });
  });

  test("exits with 3 where --config is not there", async () => {
    const { code, stderr } = await shell("$SCRIPT load --config nowhere.yaml", dir);
    expect([code, stderr]).toEqual([
      3,
      `error: Cannot read the configuration: found no "${join(dir, "nowhere.yaml")}", expected a YAML file\n`,
    ]);
  });

  test("refuses a folder and a file that is not UTF-8", async () => {
    expect((await shell("$SCRIPT load --config own", dir)).stderr).toMatch(
      /^error: Cannot read "own": found a folder, expected a YAML file\n/,
    );
    expect(await shell("$SCRIPT load --config latin1.yaml", dir)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("Cannot read latin1.yaml:1:1: found bytes that are not UTF-8"),
    });
  });

  test("finds the memory folder by flag, without a look at any configuration", async () => {
    expect((await shell("$SCRIPT locate --memory-dir ../m", join(dir, "typo"))).stdout.trim()).toBe(`"${dir}/m"`);
  });

  test("finds the memory folder in ./config.yaml", async () => {
    expect((await shell("$SCRIPT locate", join(dir, "own"))).stdout.trim()).toBe(`"${dir}/own/kept"`);
  });

  test.each([
    ["typo", 'config.yaml:2:3: found unknown key "dri" in memory, expected "dir"'],
    ["twice", 'config.yaml:3:3: found the key "dir" a second time, expected it once'],
  ])("says what is wrong with memory in ./config.yaml (%s)", async (folder, wanted) => {
    expect(await shell("$SCRIPT locate", join(dir, folder))).toEqual({
      code: 2,
      stdout: "",
      stderr: `error: Cannot read ${wanted}\n`,
    });
  });

  test("checks all of a configuration that was asked for by name", async () => {
    const { code, stderr } = await shell("$SCRIPT locate --config bad.yaml", dir);
    expect([code, stderr.slice(0, 33)]).toEqual([2, "error: Cannot read bad.yaml:1:19:"]);
  });
});
