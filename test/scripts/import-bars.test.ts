import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostScripts } from "./hosted-script.ts";

const runScript = hostScripts();

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const work = mkdtempSync(join(tmpdir(), "carryover-import-"));
afterAll(() => rmSync(work, { recursive: true }));

const HEADER = "timestamp,open,high,low,close,volume\n";
const bar = (hour: number, close = 11): string => `2021-01-04T0${hour}:00:00Z,10,12,9,${close},5\n`;

let folders = 0;
/** A folder with files, and what imports them into `<folder>/market`. */
function newFolder(files: Readonly<Record<string, string>>) {
  const folder = join(work, String(folders++));
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const market = join(folder, "market");
  return {
    market,
    file: join(market, "BTCUSD_1h.csv"),
    run: (...flags: readonly string[]) =>
      runScript("import-bars.ts", ["--asset", "BTCUSD", "--data-dir", market, ...flags], { cwd: folder }),
  };
}

describe("import-bars", () => {
  test("writes what run-chunks reads, says what it recognised, and leaves nothing else behind", async () => {
    const { run, file, market } = newFolder({
      "a.csv": `date,o,h,l,c\n2021-01-04 00:00,10,12,9,11\n2021-01-04 01:00,10,12,9,11\n`,
    });
    const { code, stdout, stderr } = await run("a.csv");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Time zone  UTC (assumed): its times state no zone; --timezone names another\n");
    expect(stdout).toContain("Times      of the bar's start (assumed): --stamp end takes them as its end\n");
    expect(readFileSync(file, "utf8")).toBe(
      `${HEADER}2021-01-04T00:00:00Z,10,12,9,11,0\n2021-01-04T01:00:00Z,10,12,9,11,0\n`,
    );
    expect(readdirSync(market)).toEqual(["BTCUSD_1h.csv"]);
  });

  test("prints its figures as JSON", async () => {
    const { run, file } = newFolder({ "a.csv": HEADER + bar(0) + bar(1) + bar(3) });
    const { stdout } = await run("a.csv", "--json");
    expect(JSON.parse(stdout)).toEqual({
      format: "table",
      timezone: "UTC",
      stamp: "start",
      timeframe: "1h",
      rows: 3,
      gaps: 1,
      first: "2021-01-04T00:00:00.000Z",
      last: "2021-01-04T03:00:00.000Z",
      file,
      repaired: { sorted: 0, duplicates: 0, nulls: 0, widened: 0, replaced: 0 },
      flat: 0,
      unended: null,
      weeks_open: null,
      weeks_shifted: 0,
    });
  });

  test("leaves out the bar that has not ended, and takes it when it has", async () => {
    const DAY_MS = 86_400_000;
    // Begun twelve hours ago, so that it ends in twelve.
    const begunMs = Math.floor(Date.now() / 60_000) * 60_000 - DAY_MS / 2;
    const time = (days: number): string => new Date(begunMs + days * DAY_MS).toISOString();
    const rows = [-2, -1, 0].map((days) => `${time(days)},10,12,9,11,5\n`);
    const { run, file } = newFolder({ "a.csv": HEADER + rows.join("") });
    const { stdout } = await run("a.csv", "--dry-run");
    expect(stdout).toContain(`Left out   the bar of ${time(0).slice(0, 16).replace("T", " ")}, which has not ended\n`);
    const json = JSON.parse((await run("a.csv", "--json")).stdout) as Record<string, unknown>;
    expect(json).toMatchObject({ rows: 2, last: time(-1), unended: time(0) });
    expect(readFileSync(file.replace("_1h", "_1d"), "utf8").trim().split("\n")).toHaveLength(3);
  });

  test("extends the file that is there, and changes no byte of it where a bar differs", async () => {
    const { run, file } = newFolder({
      "a.csv": HEADER + bar(0) + bar(1),
      "b.csv": HEADER + bar(1) + bar(2),
      "c.csv": HEADER + bar(2, 11.5) + bar(3),
    });
    await run("a.csv");
    expect((await run("b.csv")).stdout).toContain("Bars       3, 1 new; 0 gaps\n");
    const before = readFileSync(file, "utf8");
    expect(before).toBe(HEADER + bar(0) + bar(1) + bar(2));
    const { code, stderr } = await run("c.csv");
    expect(code).toBe(4);
    expect(stderr).toContain(
      "found close 11 in the former and 11.5 in the latter at 2021-01-04T02:00:00.000Z, expected the same bar in both. " +
        `If the latter is right: mv ${file} ${file}.old, and repeat this with all of its bars\n`,
    );
    expect(readFileSync(file, "utf8")).toBe(before);
    // What it says, done.
    renameSync(file, `${file}.old`);
    expect((await run("c.csv")).code).toBe(0);
    expect(readFileSync(file, "utf8")).toBe(HEADER + bar(2, 11.5) + bar(3));
  });

  test("replaces the last bar of the file that is there if it had not ended", async () => {
    const [partial, whole] = ["10,12,9,11,5", "10,13,9,12,8"].map((values) => `2021-01-04T01:00:00Z,${values}\n`);
    const { run, file } = newFolder({ "a.csv": HEADER + bar(0) + partial, "b.csv": HEADER + whole + bar(2) });
    await run("a.csv");
    expect((await run("b.csv")).stdout).toContain("Repaired   1 unended bar replaced\n");
    expect(readFileSync(file, "utf8")).toBe(HEADER + bar(0) + whole + bar(2));
    // An older copy of the same bar takes nothing back.
    expect((await run("a.csv")).code).toBe(0);
    expect(readFileSync(file, "utf8")).toBe(HEADER + bar(0) + whole + bar(2));
  });

  test("names flat bars of a file that extends a longer one, and leaves them out of both on demand", async () => {
    const flat = (hour: number): string => `2021-01-05T0${hour}:00:00Z,11,11,11,11,0\n`;
    const long = Array.from({ length: 9 }, (_, i) => bar(i)).join("");
    const { run, file } = newFolder({ "a.csv": HEADER + long, "b.csv": HEADER + flat(0) + flat(1) });
    await run("a.csv");
    await run("b.csv");
    const all = `${HEADER}${long}2021-01-05T02:00:00Z,11,12,11,11,5\n`;
    writeFileSync(join(file, "../../c.csv"), `${all}${flat(3)}`);
    expect((await run("c.csv")).stdout).toContain(
      "Flat       1 bar without volume and with equal prices, such as those of weekends: --drop-flat leaves them out\n",
    );
    expect((await run("c.csv", "--drop-flat")).stdout).toContain("Bars       10, 0 new; ");
    expect(readFileSync(file, "utf8")).toBe(all);
  });

  test("replaces a source that has the name of the result, and keeps it beside", async () => {
    const kraken = "1609718400,10,12,9,11,5,3\n1609722000,10,12,9,11,5,3\n";
    const { run, file, market } = newFolder({});
    mkdirSync(market);
    writeFileSync(file, kraken);
    expect((await run("market/BTCUSD_1h.csv", "--dry-run")).stdout).toContain("Bars       2; 0 gaps\n");
    expect(readdirSync(market)).toEqual(["BTCUSD_1h.csv"]);
    const { code, stdout } = await run("market/BTCUSD_1h.csv");
    expect(code).toBe(0);
    expect(stdout).toContain("Kept       market/BTCUSD_1h.csv.original\n");
    expect(readFileSync(file, "utf8")).toBe(HEADER + bar(0) + bar(1));
    expect(readFileSync(`${file}.original`, "utf8")).toBe(kraken);
    expect(readdirSync(market).toSorted()).toEqual(["BTCUSD_1h.csv", "BTCUSD_1h.csv.original"]);
  });

  test("writes no second file of the same bars", async () => {
    const { run, market } = newFolder({ "a.csv": HEADER + bar(0) + bar(1) });
    mkdirSync(market);
    writeFileSync(join(market, "BTCUSD_60min.csv.gz"), "");
    const { code, stderr } = await run("a.csv");
    expect(code).toBe(2);
    expect(stderr).toContain('BTCUSD_60min.csv.gz" beside it, expected one file of its bars in a folder');
    expect(readdirSync(market)).toEqual(["BTCUSD_60min.csv.gz"]);
  });

  test("writes nothing that a run would refuse", async () => {
    const { run, market } = newFolder({
      "off.csv": `${HEADER}${bar(0)}${bar(1)}${bar(2)}2021-01-04T02:17:00Z,10,12,9,11,5\n`,
      "seconds.csv": `${HEADER}${["00", "01", "02"].map((s) => `2021-01-04T00:00:${s}Z,10,12,9,11,5\n`).join("")}`,
    });
    const off = await run("off.csv");
    expect(off.code).toBe(4);
    expect(off.stderr).toContain("17 minutes after the bar before in line 5");
    expect((await run("seconds.csv")).stderr).toContain("found bars of 1 seconds, expected bars of whole minutes");
    expect(existsSync(market)).toBe(false);
  });

  test("writes nothing in a dry run", async () => {
    const { run, market } = newFolder({ "a.csv": HEADER + bar(0) + bar(1) });
    expect((await run("a.csv", "--dry-run")).stdout).toContain("Would write ");
    expect(existsSync(market)).toBe(false);
  });

  test("reads a folder and those in it, without what lies beside the bars", async () => {
    const { run } = newFolder({ "a.csv": HEADER + bar(2) + bar(3), "a.csv.CHECKSUM": "0a1b  a.csv\n", _SUCCESS: "" });
    expect((await run(".")).stdout).toContain("Bars       2; 0 gaps\n");
    const nested = newFolder({ "a.csv": HEADER + bar(2) + bar(3) });
    mkdirSync(join(nested.market, "../year=2021"));
    writeFileSync(join(nested.market, "../year=2021/b.csv"), HEADER + bar(0) + bar(1));
    expect((await nested.run(".", "--timezone", "Europe/Berlin")).stdout).toContain(
      "Time zone  UTC, as its times state: --timezone Europe/Berlin was not used\n",
    );
  });

  test.each([
    [["a.csv", "--stamp", "middle"], 2, '--stamp must be start or end, found "middle"'],
    [["a.csv", "--timeframe", "1M"], 2, '--timeframe must be such as 1h, 30m or 1d, found "1M"'],
    [["a.csv", "--format", "binanse"], 2, 'Unknown format "binanse"; did you mean "binance"?'],
    [[], 2, "import-bars needs a FILE or folder"],
    [["gone.csv"], 3, "found nothing there, expected a file or a folder"],
    [["prose.csv"], 4, 'found no line of five columns: the first is "hello"'],
  ])("refuses %j with exit code %i", async (flags, code, message) => {
    const { run, market } = newFolder({ "a.csv": HEADER + bar(0) + bar(1), "prose.csv": "hello\n" });
    const refused = await run(...flags);
    expect(refused.code).toBe(code);
    expect(refused.stderr).toContain(message);
    expect(refused.stderr.trim().split("\n")).toHaveLength(1);
    expect(existsSync(market)).toBe(false);
  });
});
