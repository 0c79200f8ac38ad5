import { describe, expect, test } from "bun:test";
import { importBars, type ImportOptions } from "../../lib/market/import-bars.ts";

const HOUR = 3_600_000;

const read = async (texts: string | readonly string[], options: Partial<ImportOptions> = {}) => {
  const files = (typeof texts === "string" ? [texts] : texts).map((text, i) => ({
    name: `${"abc"[i]}.csv`,
    bytes: new TextEncoder().encode(text),
  }));
  return importBars(files, { asset: "BTCUSD", ...options });
};
const refusal = async (texts: string | readonly string[], options: Partial<ImportOptions> = {}): Promise<string> =>
  read(texts, options).then(
    () => "read",
    (error: Error) => error.message,
  );
const bars = (rows: readonly string[]): string => `timestamp,open,high,low,close,volume\n${rows.join("\n")}\n`;
const hour = (hours: string | number, values = "10,12,9,11,5", date = "2021-01-04"): string =>
  `${date} ${String(hours).padStart(2, "0")}:00,${values}`;
const timesOf = ({ series }: Awaited<ReturnType<typeof read>>): string[] =>
  series.bars.map(({ timestamp }) => new Date(timestamp).toISOString().slice(0, 16));

describe("a last bar in which the clock stands", () => {
  const THREE = bars([hour(0), hour(1), hour(2)]);
  const at = (time: string): number => Date.parse(`2021-01-04T${time}Z`);

  test.each([
    ["02:00", 2, at("02:00")],
    ["02:59", 2, at("02:00")],
    ["03:00", 3, undefined],
    // The clock must be wrong.
    ["01:30", 3, undefined],
  ])("is left out: at %s it has %i bars", async (now, length, unendedMs) => {
    const found = await read(THREE, { nowMs: at(now) });
    expect({ length: found.series.bars.length, unendedMs: found.unendedMs }).toEqual({ length, unendedMs });
  });

  test("is refused where there is no other", async () => {
    expect(await refusal(bars([hour(2)]), { nowMs: at("02:30"), timeframeMs: HOUR })).toBe(
      'Cannot read "a.csv": found only a bar that has not ended in line 2, expected at least one that has',
    );
  });
});

describe("bars without volume whose prices are equal", () => {
  const flat = "11,11,11,11,0";

  test("are counted, and left out on demand", async () => {
    const text = bars([hour(0), hour(1, flat), hour(2, flat), hour(3), hour(4)]);
    expect((await read(text)).flat).toBe(2);
    const { series, flat: left } = await read(text, { dropFlat: true });
    expect([left, series.bars.length, series.gaps]).toEqual([2, 3, 1]);
  });

  test("mean nothing where no bar has a volume", async () => {
    const text = bars([hour(0, "10,12,9,11,0"), hour(1, flat)]);
    expect((await read(text, { dropFlat: true })).series.bars).toHaveLength(2);
  });
});

describe("time zones", () => {
  test("are assumed to be UTC where times state none, and said to be", async () => {
    const found = await read(bars([hour(0), hour(1)]));
    expect(found.timezone).toBe("UTC (assumed)");
    expect(timesOf(found)).toEqual(["2021-01-04T00:00", "2021-01-04T01:00"]);
  });

  test("that are told hold for times that state none, and not for those that do", async () => {
    expect(timesOf(await read(bars([hour(0), hour(1)]), { timezone: "Europe/Berlin" }))[0]).toBe("2021-01-03T23:00");
    expect(timesOf(await read(bars([hour(0), hour(1)]), { timezone: "-05:00" }))[0]).toBe("2021-01-04T05:00");
    const stated = await read(bars(["2021-01-04T00:00Z,10,12,9,11,5", "2021-01-04T01:00Z,10,12,9,11,5"]), {
      timezone: "Europe/Berlin",
    });
    expect(stated.timezone).toBe("UTC");
    expect(timesOf(stated)[0]).toBe("2021-01-04T00:00");
  });

  test.each([
    // In summer New York is four hours behind UTC, and these clocks are seven ahead of it.
    ["America/New_York+07:00", "2021-07-04T21:00"],
    ["America/New_York+0700", "2021-07-04T21:00"],
    ["America/New_York+07", "2021-07-04T21:00"],
    ["America/New_York+7", "2021-07-04T21:00"],
    // The sign of these names is that of POSIX.
    ["Etc/GMT+7", "2021-07-05T07:00"],
  ])("named %s have a midnight of July at %s UTC", async (timezone, time) => {
    const rows = [hour(0, undefined, "2021-07-05"), hour(1, undefined, "2021-07-05")];
    expect(timesOf(await read(bars(rows), { timezone }))[0]).toBe(time);
  });

  test("that repeat an hour leave a file newest first", async () => {
    // Half hours from 0:30 UTC on 31 October 2021: in Berlin 2:30, then 2:00 and 2:30 again, 3:00.
    const rows = ["03:00", "02:30", "02:00", "02:30", "02:00"].map((time) => `2021-10-31 ${time},10,12,9,11,5`);
    const found = await read(bars(rows), { timezone: "Europe/Berlin" });
    expect(timesOf(found).map((time) => time.slice(11))).toEqual(["00:00", "00:30", "01:00", "01:30", "02:00"]);
  });

  test("repeat an hour in autumn: the first of the two is summer time", async () => {
    // Clocks in Berlin went from 3:00 back to 2:00 on 31 October 2021.
    const rows = ["01", "02", "02", "03"].map((hours) => hour(hours, undefined, "2021-10-31"));
    expect(timesOf(await read(bars(rows), { timezone: "Europe/Berlin" }))).toEqual([
      "2021-10-30T23:00",
      "2021-10-31T00:00",
      "2021-10-31T01:00",
      "2021-10-31T02:00",
    ]);
  });

  test("that would explain a repeated hour are named", async () => {
    const rows = ["01", "02", "02", "03"].map((hours, i) => hour(hours, `10,12,9,11,${i}`, "2021-10-31"));
    expect(await refusal(bars(rows))).toContain(
      "Europe/Berlin repeats this hour, which --timezone Europe/Berlin would explain",
    );
  });

  test("skip an hour in spring, which no bar may have", async () => {
    const rows = ["01", "02"].map((hours) => hour(hours, undefined, "2021-03-28"));
    expect(await refusal(bars(rows), { timezone: "Europe/Berlin" })).toBe(
      'Cannot read "a.csv": found "2021-03-28T02:00:00" in line 3, expected a time that the clocks of Europe/Berlin show: they skip this one. --timezone UTC, an offset or another zone has it',
    );
  });

  test("of MetaTrader must be told", async () => {
    const text = "2021.01.04,00:00,10,12,9,11,5\n2021.01.04,01:00,10,12,9,11,5\n";
    expect(await refusal(text)).toContain(
      "whose times are in the time zone of the broker's server, expected --timezone",
    );
    expect(timesOf(await read(text, { timezone: "Europe/Athens" }))[0]).toBe("2021-01-03T22:00");
  });

  test("may be seven hours ahead of New York, whose clocks change on other days than Europe's", async () => {
    // 2021-03-15 is between the changes: New York has summer time, Athens not yet.
    const text = ["2021.03.08", "2021.03.15"].map((day) => `${day},00:00,10,12,9,11,5\n${day},01:00,10,12,9,11,5\n`);
    const found = await read(text.join(""), { timezone: "America/New_York+07:00" });
    expect(timesOf(found).filter((_, i) => i % 2 === 0)).toEqual(["2021-03-07T22:00", "2021-03-14T21:00"]);
  });

  test("in the wrong one of these two zones make some weeks open an hour off, which are counted", async () => {
    const days = Array.from({ length: 51 }, (_, week) => new Date(Date.UTC(2021, 0, 4 + 7 * week)).toISOString());
    const rows = days.flatMap((day) =>
      ["00:00", "01:00"].map((hours) => `${day.slice(0, 10).replaceAll("-", ".")},${hours}`),
    );
    const text = rows.map((row) => `${row},10,12,9,11,5\n`).join("");
    // 15 and 22 March, and 1 November 2021; the first bar of the file follows no gap.
    expect((await read(text, { timezone: "Europe/Athens" })).weekOpens).toEqual({
      open: "Sunday 17:00",
      isUsual: true,
      weeks: 50,
      shifted: 3,
    });
    const right = await read(text, { timezone: "America/New_York+07:00" });
    expect(right.weekOpens).toMatchObject({ isUsual: true, shifted: 0 });
    const wrong = await read(text, { timezone: "America/New_York" });
    expect(wrong.weekOpens).toMatchObject({ open: "Monday 00:00", isUsual: false });
  });

  test("that nobody knows are refused with the nearest", async () => {
    expect(await refusal(bars([hour(0), hour(1)]), { timezone: "Europe/Berln" })).toContain(
      'did you mean "Europe/Berlin"?',
    );
    expect(
      await refusal(bars(["2021-01-04T00:00Z,10,12,9,11,5", "2021-01-04T01:00Z,10,12,9,11,5"]), {
        timezone: "Mars/Phobos",
      }),
    ).toContain('Unknown time zone "Mars/Phobos"');
  });
});

describe("times of a bar's end", () => {
  test("are moved to its start where they are told to be", async () => {
    const found = await read(bars([hour(1), hour(2)]), { stamp: "end" });
    expect(found.stamp).toBe("end");
    expect(timesOf(found)).toEqual(["2021-01-04T00:00", "2021-01-04T01:00"]);
  });

  test("are recognised by their last millisecond", async () => {
    const found = await read(bars(["1609721999999,10,12,9,11,5", "1609725599999,10,12,9,11,5"]));
    expect(found.stamp).toBe("end");
    expect(timesOf(found)).toEqual(["2021-01-04T00:00", "2021-01-04T01:00"]);
  });

  test("are recognised by the only column of times being a close time", async () => {
    const found = await read(
      "close_time,open,high,low,close\n2021-01-04 01:00,10,12,9,11\n2021-01-04 02:00,10,12,9,11\n",
    );
    expect(timesOf(found)).toEqual(["2021-01-04T00:00", "2021-01-04T01:00"]);
  });
});

test("days that end at local midnights start at the midnights before, also where clocks change", async () => {
  // Clocks in New York went forward on 14 March 2021.
  const rows = ["13", "14", "15", "16"].map((day) => `2021-03-${day},10,12,9,11,5`);
  const found = await read(bars(rows), { stamp: "end", timezone: "America/New_York" });
  expect(timesOf(found)).toEqual(["2021-03-12T05:00", "2021-03-13T05:00", "2021-03-14T05:00", "2021-03-15T04:00"]);
});

test("times of which some end their bars and others do not are refused", async () => {
  const refused = await refusal(bars([hour(0), hour(1), "2021-01-04 02:59:59.999,10,12,9,11,5"]));
  expect(refused).toContain(
    'found "2021-01-04T02:59:59.999Z", which ends a bar in line 4, expected a time that starts',
  );
});

test("a row that is cut off is refused, whatever the rest of it says", async () => {
  const text = bars([hour(0), hour(1), hour(2)]);
  expect(await refusal(text.slice(0, -4))).toContain(
    "found 5 fields in line 4, expected 6 fields as in the lines before",
  );
});

describe("several files", () => {
  test("are one series, in whatever order they come", async () => {
    const found = await read([bars([hour(2), hour(3)]), bars([hour(0), hour(1)])]);
    expect(found.series.bars.map(({ timestamp }) => (timestamp - Date.UTC(2021, 0, 4)) / HOUR)).toEqual([0, 1, 2, 3]);
  });

  test("may overlap where the last bar of one had not ended: its range and volume have grown in the other", async () => {
    const partial = bars([hour(0), hour(1, "10,12,9,11,5")]);
    const whole = bars([hour(1, "10,13,8,12,9"), hour(2)]);
    for (const files of [
      [partial, whole],
      [whole, partial],
    ]) {
      const { series, repaired } = await read(files);
      expect(series.bars.map(({ close }) => close)).toEqual([11, 12, 11]);
      expect(repaired.replaced).toBe(1);
    }
    // A range or a volume that shrinks, or another bar than the last, is a revision.
    expect(await refusal([partial, bars([hour(1, "10,13,8,12,0"), hour(2)])])).toContain("the same bar has two values");
    expect(await refusal([partial, bars([hour(1, "10,11,9,10,9"), hour(2)])])).toContain("the same bar has two values");
    expect(await refusal([bars([hour(0), hour(1), hour(2)]), whole])).toContain("the same bar has two values");
  });

  test("may overlap where their bars are equal", async () => {
    const found = await read([bars([hour(0), hour(1)]), bars([hour(1), hour(2)])]);
    expect(timesOf(found)).toHaveLength(3);
  });

  test("are refused where their bars differ, with both places", async () => {
    expect(await refusal([bars([hour(0), hour(1)]), bars([hour(1, "10,12,9,11.5,5"), hour(2)])])).toBe(
      'Cannot read "b.csv": found 11.5 at "2021-01-04T01:00:00.000Z" in line 2, column "close", expected 11 as in "a.csv", line 3: the same bar has two values',
    );
  });
});

describe("an asset among others", () => {
  const of = (symbol: string, hours: readonly number[], values: string): string =>
    `symbol,timestamp,open,high,low,close\n${hours.map((h) => `${symbol},2021-01-04 0${h}:00,${values}\n`).join("")}`;

  test("has the rows of its symbol, in whichever of the files they are", async () => {
    const found = await read([of("ETH/USD", [0, 1], "1,2,1,2"), of("BTC/USD", [2, 3], "10,12,9,11")]);
    expect(found.series.bars.map(({ open }) => open)).toEqual([10, 10]);
  });

  test("is refused where no file has it", async () => {
    const files = [of("ETH/USD", [0, 1], "1,2,1,2"), of("DOGE", [2, 3], "1,2,1,2")];
    expect(await refusal(files)).toContain('found the symbols "ETH/USD", "DOGE", expected one symbol, or one that is');
  });

  test("may have another name than --asset where it is alone", async () => {
    const found = await read([of("BTCUSDT", [0, 1], "10,12,9,11"), of("BTC/USDT", [2, 3], "10,12,9,11")]);
    expect(timesOf(found)).toHaveLength(4);
  });
});

describe("the timeframe", () => {
  test("is the most common distance, and gaps are counted", async () => {
    const found = await read(bars([hour(0), hour(1), hour(4), hour(5)]));
    expect({ timeframe: found.timeframe, gaps: found.series.gaps }).toEqual({ timeframe: "1h", gaps: 1 });
  });

  test("of a single bar must be told", async () => {
    expect(await refusal(bars([hour(0)]))).toContain("expected --timeframe");
    expect((await read(bars([hour(0)]), { timeframeMs: 24 * HOUR })).timeframe).toBe("1d");
  });
});

describe("what repairs mend, and a refusal names without them", () => {
  const nothing = { sorted: 0, duplicates: 0, nulls: 0, widened: 0, replaced: 0 };

  test("rows that go back in time throughout are only newest first: nothing to mend", async () => {
    const found = await read(bars([hour(2), hour(1), hour(0)]));
    expect(found.repaired).toEqual(nothing);
    expect(timesOf(found)[0]).toBe("2021-01-04T00:00");
  });

  test("a row at another place in time", async () => {
    const text = bars([hour(0), hour(2), hour(1), hour(3)]);
    expect(await refusal(text)).toContain(
      'found the time "2021-01-04T01:00:00.000Z" after a later one in line 4, expected --repair, which sorts them',
    );
    const found = await read(text, { repair: true });
    expect(found.repaired).toEqual({ ...nothing, sorted: 1 });
    expect(timesOf(found).map((time) => time.slice(11, 13))).toEqual(["00", "01", "02", "03"]);
  });

  test("a row that is there twice", async () => {
    const text = bars([hour(0), hour(1), hour(1), hour(2)]);
    expect(await refusal(text)).toContain("twice in line 4, expected --repair, which drops equal rows");
    expect((await read(text, { repair: true })).repaired).toEqual({ ...nothing, duplicates: 1 });
    expect(await refusal(bars([hour(0), hour(1), hour(1, "10,12,9,11,6")]), { repair: true })).toContain(
      "has two values",
    );
  });

  test("a row without prices", async () => {
    const text = bars([hour(0), hour(1, ",,,,"), hour(2), hour(3)]);
    expect(await refusal(text)).toContain(
      "found a row without a time or prices in line 3, expected --repair, which leaves it out",
    );
    const found = await read(text, { repair: true });
    expect(found.repaired).toEqual({ ...nothing, nulls: 1 });
    expect(found.series.gaps).toBe(1);
  });

  test("a high or low that is off by rounding, and by no more than a millionth", async () => {
    const text = bars([hour(0), hour(1, "10,11.999999,9,12,5")]);
    expect(await refusal(text)).toContain("expected at least 12: it is off by rounding, which --repair widens");
    const found = await read(text, { repair: true });
    expect(found.repaired).toEqual({ ...nothing, widened: 1, replaced: 0 });
    expect(found.series.bars[1]!.high).toBe(12);
    expect(await refusal(bars([hour(0), hour(1, "10,11.9,9,12,5")]), { repair: true })).toContain(
      'found "11.9" in line 3, column "high", expected at least 12',
    );
  });

  test("nothing in a volume that is empty", async () => {
    expect(
      (await read(bars([hour(0, "10,12,9,11,"), hour(1, "10,12,9,11,null")]))).series.bars.map(({ volume }) => volume),
    ).toEqual([0, 0]);
  });
});

test("a file with several symbols gives the asset's, however it is written", async () => {
  const text = `symbol,timestamp,open,high,low,close\n${["BTC/USD", "ETH/USD"].flatMap((symbol) => [0, 1].map((h) => `${symbol},2021-01-04 0${h}:00,${symbol === "BTC/USD" ? "10,12,9,11" : "1,2,1,2"}`)).join("\n")}\n`;
  expect((await read(text)).series.bars.map(({ open }) => open)).toEqual([10, 10]);
  expect(await refusal(text, { asset: "DOGE" })).toContain('expected one symbol, or one that is "DOGE"');
});

describe("times are assumed to be those of the bars' starts", () => {
  const rows = "2021-01-04 00:00,10,12,9,11\n2021-01-04 01:00,10,12,9,11\n";
  test.each([
    ["in any table", `date,open,high,low,close\n${rows}`, {}, true],
    ["without a header", rows, {}, true],
    ["but not in a column open_time", `open_time,open,high,low,close\n${rows}`, {}, false],
    ["but not if they are those of ends", `close_time,open,high,low,close\n${rows}`, {}, false],
    ["but not if their seconds are those of ends", bars([hour(0), hour(1)]).replaceAll(":00,", ":59:59,"), {}, false],
    ["but not if the user says so", `date,open,high,low,close\n${rows}`, { stamp: "start" }, false],
    [
      "but not in a format whose times are starts",
      "1609718400,10,12,9,11,5,3\n1609722000,10,12,9,11,5,3\n",
      { format: "kraken" },
      false,
    ],
  ] as const)("%s", async (_, text, options, isAssumed) => {
    expect((await read(text, options)).isStartAssumed).toBe(isAssumed);
  });
});
