import { describe, expect, test } from "bun:test";
import { CarryoverError } from "../../../lib/errors.ts";
import manifest from "../../../package.json";
import { isGiven, parseFlags, refuseTogether, SHARED_FLAGS } from "../../../scripts/cli/args.ts";

describe("parseFlags()", () => {
  const spec = {
    summary: "",
    usage: [],
    examples: [],
    maxPositionals: 1,
    flags: {
      ...SHARED_FLAGS,
      provider: { type: "string", value: "P", help: "", multiple: true },
      seed: { type: "integer", value: "N", help: "" },
      "keep-last": { type: "integer", value: "N", help: "", min: 1 },
      watch: { type: "optional-number", value: "SECONDS", help: "" },
      "as-of": { type: "timestamp", value: "T", help: "" },
      at: { type: "timestamp", value: "T", help: "", multiple: true },
      year: { type: "integer", value: "Y", help: "", looksLike: "^[0-9]{4}$" },
    },
  } as const;

  test("reads every kind of flag", () => {
    const argv = [
      "--provider",
      "a",
      "list",
      "--provider=b",
      "--seed",
      "7",
      "--json",
      "--watch",
      "0.5",
      "--config=-",
      "--set",
      "a.b=c=d",
    ];
    const times = ["--as-of", "1970-01-02", "--at=1970-01-01T00:00:01Z", "--at", "1970-01-01T00:00:02+00:00"];
    const { flags, positionals } = parseFlags([...argv, ...times], spec);
    expect(positionals).toEqual(["list"]);
    expect(flags).toEqual({
      config: "-",
      set: ["a.b=c=d"],
      "memory-dir": undefined,
      json: true,
      provider: ["a", "b"],
      seed: 7,
      "keep-last": undefined,
      watch: 0.5,
      "as-of": 86_400_000,
      at: [1000, 2000],
      year: undefined,
    });
  });

  test("--version ends a script with the version of the package", () => {
    expect(() => parseFlags(["--seed", "none", "--version"], spec)).toThrow(`${manifest.version}\n`);
  });

  test("gives flags that were left out an empty value", () => {
    const { flags, positionals } = parseFlags([], spec);
    expect([flags.json, flags.provider, flags.at, flags.watch, positionals]).toEqual([false, [], [], undefined, []]);
    expect(parseFlags(["--watch"], spec).flags.watch).toBe(true);
    expect(parseFlags(["--", "--json"], spec).positionals).toEqual(["--json"]);
  });

  test.each([
    ["--memory-dri x", "unknown flag --memory-dri; did you mean --memory-dir?"],
    ["-provider trend", "unknown flag -provider; did you mean --provider?"],
    ["-year=2021 --json", "unknown flag -year; did you mean --year?"],
    ["-x", "unknown flag -x; known: --config, --set, --memory-dir, --json"],
    ["--timeframe 1d", "unknown flag --timeframe; did you mean --set backtest.timeframe=...?"],
    ["--leverage=3 --json", "unknown flag --leverage; did you mean --set backtest.risk.leverage=...?"],
    ["--stop-atr 3 one", "unknown flag --stop-atr; did you mean --set backtest.risk.stop_atr=...?"],
    ["one backtest.seed=3", 'unexpected argument "backtest.seed=3"; did you mean --set backtest.seed=3?'],
    ["--config", "--config needs a value (FILE)"],
    ["--config --json", '--config needs a value (FILE), found "--json"'],
    ["--config=", '--config needs a value (FILE), found ""'],
    ["--json=yes", '--json takes no value, found "yes"'],
    ["--seed 1.5", '--seed must be a whole number, 0 or more, found "1.5"'],
    ["--seed=-1", '--seed must be a whole number, 0 or more, found "-1"'],
    ["--keep-last 0", '--keep-last must be a whole number, 1 or more, found "0"'],
    ["--watch 0", '--watch must be a number above 0, found "0"'],
    ["--as-of soon", "--as-of must be a date such as 2021-01-01"],
    ["--seed 1 --seed 2", "--seed was given twice"],
    ["one two", 'unexpected argument "two"'],
    ["one my/eth.yaml", 'unexpected argument "my/eth.yaml"; did you mean --config my/eth.yaml?'],
    ["one 2021", 'unexpected argument "2021"; did you mean --year 2021?'],
  ])("refuses %s", (line, wanted) => {
    expect(() => parseFlags(line.split(" "), spec)).toThrow(wanted);
  });

  test("reports all problems at once", () => {
    try {
      parseFlags(["--jsn", "--seed", "x"], spec);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(CarryoverError);
      expect(error).toMatchObject({ code: "BAD_USAGE", message: expect.stringMatching(/--jsn.*\n.*--seed/) });
    }
  });
});

test("refuseTogether() names the flags that were given", () => {
  const flags = { watch: true, check: false, repair: undefined, provider: [], config: "x" };
  expect(() => refuseTogether(flags, ["watch", "check", "repair", "provider"])).not.toThrow();
  expect(() => refuseTogether(flags, ["watch", "check", "config"])).toThrow(
    "--watch and --config cannot be used together",
  );
  expect(isGiven(0)).toBeTrue();
});
