import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parquetWriteBuffer, type SchemaElement } from "hyparquet-writer";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { CarryoverError } from "../../lib/errors.ts";
import { parseVotes, parseVotesCsv, type VotesFileOptions } from "../../lib/providers/read-votes.ts";
import type { FileVotes } from "../../lib/providers/votes-file.ts";
import { PROJECT_DIR } from "../samples.ts";

const NEW_YEAR = Date.UTC(2021, 0, 1);
const HEADER = "timestamp,asset,action,confidence";

/** What all forms below say: buy on 1 January, sell on the 2nd, hold from the 3rd on. */
const THREE_VOTES = [
  ["2021-01-01T00:00:00.000Z", "BUY"],
  ["2021-01-02T00:00:00.000Z", "SELL"],
  ["2021-01-03T00:00:00.000Z", "HOLD"],
];

function parse(text: string, options: Partial<VotesFileOptions> = {}): FileVotes {
  return parseVotesCsv(new TextEncoder().encode(text), { file: "votes.csv", ...options });
}

function shown(votes: FileVotes, asset = "BTCUSD"): unknown {
  return votes
    .get(asset)
    ?.map(({ timestamp, answer }) => [new Date(timestamp).toISOString(), answer.action, answer.confidence]);
}

function actions(votes: FileVotes): unknown {
  return votes.get("BTCUSD")?.map(({ timestamp, answer }) => [new Date(timestamp).toISOString(), answer.action]);
}

function refusal(text: string, options: Partial<VotesFileOptions> = {}): string {
  try {
    parse(text, options);
  } catch (error) {
    expect(error).toBeInstanceOf(CarryoverError);
    expect((error as CarryoverError).code).toBe("BAD_DATA");
    return (error as CarryoverError).message.replace('Cannot read "votes.csv": ', "");
  }
  return "nothing refused";
}

function withLine(line: string): string {
  return `${HEADER}\n2021-01-01,A,BUY,50\n${line}\n`;
}

describe("parseVotesCsv() reads votes as pandas writes them:", () => {
  const options = { assets: ["BTCUSD"], stamp: "known_at" } as const;

  test.each([
    ["an index of times without a name", ",action\n2021-01-01,BUY\n2021-01-02,SELL\n2021-01-03,HOLD\n"],
    ["an index that is called Date", "Date,action\n2021-01-01,BUY\n2021-01-02,SELL\n2021-01-03,HOLD\n"],
    ["numbers of rows beside the times", ",Datetime,action\n0,2021-01-01,BUY\n1,2021-01-02,SELL\n2,2021-01-03,HOLD\n"],
    [
      "times of another zone",
      "time,action\n2020-12-31 19:00:00-05:00,BUY\n2021-01-02 01:00:00+01:00,SELL\n2021-01-03,HOLD\n",
    ],
    [
      "epoch times in seconds and ns",
      "time,action\n1609459200,BUY\n1609545600000000000,SELL\n2021-01-03 00:00:00,HOLD\n",
    ],
    ["positions as numbers", "timestamp,position\n2021-01-01,1\n2021-01-02,-1\n2021-01-03,0\n"],
    ["signals as floats", "timestamp,signal\n2021-01-01,1.0\n2021-01-02,-1.0\n2021-01-03,0.0\n"],
    ["the words for positions, in any case", "timestamp,side\n2021-01-01,long\n2021-01-02,Short\n2021-01-03,FLAT\n"],
    ["actions in any case", "timestamp,Action\n2021-01-01,Buy\n2021-01-02,sell\n2021-01-03,Hold\n"],
    [
      "indicators that begin with blanks",
      "timestamp,signal\n2020-12-30,\n2020-12-31,\n2021-01-01,1\n2021-01-02,-1\n2021-01-03,0\n",
    ],
    [
      "an asset under the name of a symbol",
      "Date,Symbol,Action\n2021-01-01,BTCUSD,BUY\n2021-01-02,BTCUSD,SELL\n2021-01-03,BTCUSD,HOLD\n",
    ],
  ])("%s", (_, text) => {
    expect(actions(parse(text, options))).toEqual(THREE_VOTES);
  });

  test("the column that is named, in any case and beside one called action", () => {
    const text = "timestamp,Action,Pos\n2021-01-01,SELL,1\n2021-01-02,BUY,-1\n2021-01-03,BUY,0\n";
    expect(actions(parse(text, { ...options, column: "pos" }))).toEqual(THREE_VOTES);
    expect(refusal(text, { ...options, column: "position" })).toBe(
      'found the columns "timestamp,Action,Pos" in line 1, expected a column "position"',
    );
  });

  test("without confidences each vote has 60, and no note says so at every command", () => {
    const notes: string[] = [];
    const votes = parse(`timestamp,asset,action\n2021-01-01T00:00Z,BTCUSD,BUY\n`, {
      onNote: (note) => notes.push(note),
    });
    expect(shown(votes)).toEqual([["2021-01-01T00:00:00.000Z", "BUY", 60]]);
    expect(notes).toEqual([]);
  });
});

describe("parseVotesCsv() reads a column for each asset,", () => {
  const assets = ["BTCUSD", "ETHUSD"];
  const WIDE = "Date,ETHUSD,close,BTCUSD\n2021-01-01,,7,1\n2021-01-02,-1,8,-1\n2021-01-03,1,9,0\n";

  test("as a data frame with one has them", () => {
    const votes = parse(WIDE, { assets, stamp: "known_at" });
    expect(actions(votes)).toEqual(THREE_VOTES);
    expect(shown(votes, "ETHUSD")).toEqual([
      ["2021-01-02T00:00:00.000Z", "SELL", 60],
      ["2021-01-03T00:00:00.000Z", "BUY", 60],
    ]);
  });

  test("and gives the votes of a file with a row for each of them", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(-1, 0, 1), fc.constantFrom(-1, 0, 1)), { minLength: 1 }),
        (rows) => {
          const day = (i: number): string => new Date(NEW_YEAR + i * 86_400_000).toISOString();
          const wide = rows.map(([btc, eth], i) => `${day(i)},${btc},${eth}`);
          const long = rows.flatMap(([btc, eth], i) => [`${day(i)},BTCUSD,${btc}`, `${day(i)},ETHUSD,${eth}`]);
          const ofWide = parse(["timestamp,BTCUSD,ETHUSD", ...wide].join("\n"), { assets });
          expect(ofWide).toEqual(parse(["timestamp,asset,position", ...long].join("\n"), { assets }));
        },
      ),
    );
  });

  test("and ignores the columns of assets that the run does not have", () => {
    expect([...parse(WIDE, { assets: ["BTCUSD"], stamp: "known_at" }).keys()]).toEqual(["BTCUSD"]);
  });

  test("but not where a column of actions or of assets says that each row is a vote", () => {
    const text = "timestamp,signal,BTCUSD\n2021-01-01,1,29000\n";
    expect(actions(parse(text, { assets: ["BTCUSD"] }))).toEqual([["2021-01-01T00:00:00.000Z", "BUY"]]);
    const own = "timestamp,MyVote,BTCUSD\n2021-01-01,1,29000\n";
    expect(actions(parse(own, { assets: ["BTCUSD"], column: "MyVote" }))).toEqual([
      ["2021-01-01T00:00:00.000Z", "BUY"],
    ]);
  });

  test("and names the asset's column of a value that is no vote", () => {
    expect(refusal("timestamp,BTCUSD,ETHUSD\n2021-01-01,1,0.5\n", { assets })).toBe(
      'found "0.5" in line 2, column "ETHUSD", expected BUY, SELL or HOLD, long, short or flat, or 1, -1 or 0',
    );
  });

  test("and refuses a gap after an asset's first vote, which may be the one before, a HOLD or none", () => {
    expect(refusal("timestamp,BTCUSD,ETHUSD\n2021-01-01,1,1\n2021-01-02,,1\n", { assets })).toStartWith(
      'found nothing in line 3, column "BTCUSD"',
    );
  });

  test("and notes that confidences are not read", () => {
    const notes: string[] = [];
    const votes = parse("timestamp,BTCUSD,confidence\n2021-01-01T00:00Z,1,70\n", {
      assets,
      onNote: (note) => notes.push(note),
    });
    expect(shown(votes)).toEqual([["2021-01-01T00:00:00.000Z", "BUY", 60]]);
    expect(notes).toEqual([
      'has a column "confidence", which is ignored beside a column for each asset: each vote has 60',
    ]);
  });

  test("and says so where no column has an asset's name", () => {
    expect(refusal("timestamp,BTC/USD,ETH/USD\n2021-01-01,1,-1\n", { assets })).toBe(
      'found the columns "timestamp,BTC/USD,ETH/USD" in line 1, expected a column "action", "signal", "position", "side" or "direction", ' +
        "or the one that column: names in the provider's configuration, or a column for each asset, with its name in the run, such as BTCUSD",
    );
  });
});

describe("parseVotesCsv() takes times without a zone", () => {
  const timesOf = (lines: readonly string[], timezone?: string): { times: unknown; notes: readonly string[] } => {
    const notes: string[] = [];
    const text = `timestamp,asset,action,confidence\n${lines.map((line) => `${line},A,BUY,50\n`).join("")}`;
    const votes = parse(text, { timezone, onNote: (note) => notes.push(note) });
    return { times: votes.get("A")!.map(({ timestamp }) => new Date(timestamp).toISOString().slice(5, 16)), notes };
  };

  test("as UTC, and a note says so", () => {
    const { times, notes } = timesOf(["2021-01-04 09:30:00", "2021-01-05"]);
    expect(times).toEqual(["01-04T09:30", "01-05T00:00"]);
    expect(notes).toEqual(["has times that state no zone, taken as UTC: timezone names another"]);
  });

  test("in the zone that is named, where clocks are five hours behind UTC in winter and four in summer", () => {
    const { times, notes } = timesOf(["2021-01-04 09:30:00", "2021-01-05", "2021-07-01T09:30"], "America/New_York");
    expect(times).toEqual(["01-04T14:30", "01-05T05:00", "07-01T13:30"]);
    expect(notes).toEqual([]);
  });

  test("at the later of two hours that are the same on the clock, as no vote is known before its time", () => {
    expect(timesOf(["2021-11-07 01:30"], "America/New_York").times).toEqual(["11-07T06:30"]);
  });

  test("and leaves those that state theirs", () => {
    const lines = ["2021-01-04T09:30Z", "2021-01-04 09:30-05:00", "1609752600", "2021-01-04 09:30 UTC"];
    const { times, notes } = timesOf(lines, "Asia/Tokyo");
    expect(times).toEqual(["01-04T09:30", "01-04T09:30", "01-04T09:30", "01-04T14:30"]);
    expect(notes).toEqual([]);
    expect(timesOf(lines).notes).toEqual([]);
  });

  test("but not one that the clocks skip", () => {
    expect(refusal(withLine("2021-03-14 02:30,A,BUY,50"), { timezone: "America/New_York" })).toBe(
      'found "2021-03-14 02:30" in line 3, column "timestamp", expected a time that the clocks of America/New_York show: they skip this one',
    );
  });
});

describe("parseVotesCsv() notes that a HOLD closes no position", () => {
  const noteOf = (written: string, closeOnHold?: boolean): string | undefined => {
    const notes: string[] = [];
    const text = `${HEADER}\n2021-01-01T00:00Z,A,-1,60\n2021-01-02T00:00Z,A,${written},60\n`;
    parse(text, { closeOnHold, onNote: (note) => notes.push(note) });
    return notes.join();
  };

  test.each(["0", "0.0", "flat"])("where it is written as a position, %s", (written) => {
    expect(noteOf(written)).toBe(
      `has "${written}", which closes no position; with backtest.risk.close_on_hold: true it does`,
    );
  });

  test("and may be a classifier's label for down, where there is no -1 beside it", () => {
    const noteOnLabels = (flat: string): string => {
      const notes: string[] = [];
      const lines = `2021-01-01T00:00Z,A,1\n2021-01-02T00:00Z,A,${flat}\n`;
      parse(`timestamp,asset,signal\n${lines}`, { onNote: (note) => notes.push(note) });
      return notes.join();
    };
    expect(noteOnLabels("0")).toEndWith("true it does. It has no -1: if 0 is a label that means down, write -1");
    expect(noteOnLabels("flat")).toEndWith("true it does");
  });

  test("but not where it is called one, or where it does", () => {
    expect([noteOf("Hold"), noteOf("-1"), noteOf("0", true)]).toEqual(["", "", ""]);
  });
});

describe("parseVotes() tells by the first bytes whether a file is", () => {
  const CSV = `${HEADER}\n2021-01-01,BTCUSD,BUY,70\n2021-01-02,BTCUSD,SELL,55.5\n`;
  const EXPECTED = [
    ["2021-01-01T00:00:00.000Z", "BUY", 70],
    ["2021-01-02T00:00:00.000Z", "SELL", 55.5],
  ];
  const days = [NEW_YEAR, NEW_YEAR + 86_400_000];
  const asset = { name: "asset", data: ["BTCUSD", "BTCUSD"], type: "STRING" as const };
  const action = { name: "action", data: ["BUY", "SELL"], type: "STRING" as const };
  const confidence = { name: "confidence", data: [70, 55.5], type: "DOUBLE" as const };
  const parquet = (columnData: Parameters<typeof parquetWriteBuffer>[0]["columnData"]): Uint8Array<ArrayBuffer> =>
    new Uint8Array(parquetWriteBuffer({ columnData }));
  const times = { name: "timestamp", data: days.map((ms) => new Date(ms)), type: "TIMESTAMP" as const };

  test.each([
    ["CSV", new TextEncoder().encode(CSV)],
    ["CSV packed by gzip", new Uint8Array(gzipSync(CSV))],
    ["Parquet", parquet([confidence, times, asset, action])],
    [
      "Parquet with a nameless index of epoch times and whole numbers as signals",
      parquet([
        { name: "signal", data: [1n, -1n], type: "INT64" },
        confidence,
        { name: "__index_level_0__", data: days.map((ms) => BigInt(ms) * 1_000_000n), type: "INT64" },
      ]),
    ],
  ])("%s", async (_, bytes) => {
    const options = { file: "votes", assets: ["BTCUSD"], stamp: "known_at" } as const;
    expect(shown(await parseVotes(bytes, options))).toEqual(EXPECTED);
  });

  test.each(["damaged_page_header.parquet", "column_without_a_name.parquet"])(
    "Parquet, and refuses %s at once, which its reader would not",
    async (name) => {
      const bytes = new Uint8Array(readFileSync(join(PROJECT_DIR, "test/fixtures/votes", name)));
      await expect(parseVotes(bytes, { file: name })).rejects.toThrow("found damaged or incomplete Parquet");
    },
  );

  test.each([
    [true, "2021-01-01T00:00:00.000Z"],
    [false, "2021-01-01T05:00:00.000Z"],
  ])(
    "Parquet, whose times are in the zone that is named if adjusted to UTC is not %p",
    async (isAdjustedToUTC, time) => {
      const schema: SchemaElement[] = [
        { name: "root", num_children: 3 },
        { name: "timestamp", type: "INT64", logical_type: { type: "TIMESTAMP", isAdjustedToUTC, unit: "MILLIS" } },
        { name: "asset", type: "BYTE_ARRAY", converted_type: "UTF8" },
        { name: "action", type: "BYTE_ARRAY", converted_type: "UTF8" },
      ];
      const columnData = [
        { name: "timestamp", data: [BigInt(NEW_YEAR)] },
        { name: "asset", data: ["BTCUSD"] },
        { name: "action", data: ["BUY"] },
      ];
      const bytes = new Uint8Array(parquetWriteBuffer({ columnData, schema }));
      const votes = await parseVotes(bytes, { file: "votes.parquet", timezone: "-05:00" });
      expect(new Date(votes.get("BTCUSD")![0]!.timestamp).toISOString()).toBe(time);
    },
  );

  test("Parquet, whose rows and columns are named in messages", async () => {
    const bytes = parquet([times, asset, { ...action, data: ["BUY", "EXIT"] }, confidence]);
    await expect(parseVotes(bytes, { file: "votes.parquet" })).rejects.toThrow(
      'Cannot read "votes.parquet": found "EXIT" in row 2, column "action", expected BUY, SELL or HOLD, long, short or flat, or 1, -1 or 0',
    );
  });

  test("Parquet, and refuses truth values as those of CSV", async () => {
    const bytes = parquet([times, { name: "signal", data: [false, true], type: "BOOLEAN" }]);
    const reading = parseVotes(bytes, { file: "votes", assets: ["BTCUSD"], stamp: "known_at" });
    await expect(reading).rejects.toThrow(
      /found "false" in row 1, column "signal", expected .* in pandas, .astype\(int\)/,
    );
  });
});

test("parseVotesCsv() notes votes that differ from others of the same asset and time, as overlapping folds do", () => {
  const lines = ["01,BTCUSD,BUY", "01,BTCUSD,SELL", "01,ETHUSD,BUY", "02,BTCUSD,BUY", "02,BTCUSD,BUY"];
  const notes: string[] = [];
  const text = `timestamp,asset,action\n${lines.map((line) => `2021-01-${line.replace(",", "T00:00Z,")}\n`).join("")}`;
  const votes = parse(text, { onNote: (note) => notes.push(note) });
  expect(notes).toEqual(["has votes that differ from another of the same asset and time (1): the later line counts"]);
  expect(votes.get("BTCUSD")![1]!.answer.action).toBe("SELL");
});

describe("parseVotesCsv() refuses what may mean two things:", () => {
  test("no column of assets in a run of several", () => {
    const text = "timestamp,action\n2021-01-01,BUY\n";
    expect(refusal(text, { assets: ["BTCUSD", "ETHUSD"] })).toBe(
      'found no column "asset", expected one, or a column of actions for each asset: the run has 2 assets: BTCUSD, ETHUSD. ' +
        'pandas makes such columns of a Series for each: pd.concat({"BTCUSD": a, "ETHUSD": b}, axis=1).ffill()',
    );
  });

  test.each([
    ['times in the column "Date"', "Date"],
    ["times in a column without a name", ""],
  ])("%s, which may be those of a bar's start", (found, name) => {
    const message = refusal(`${name},asset,action\n2021-01-01,A,BUY\n`);
    expect(message).toStartWith(`found ${found}, expected a column "timestamp", or what they are`);
    expect(message).toContain("stamp: bar_start");
    expect(message).toContain("stamp: known_at");
  });

  test("two columns that may be the action", () => {
    expect(refusal("timestamp,asset,signal,position\n2021-01-01,A,1,1\n")).toBe(
      'found the columns "signal" and "position" in line 1, expected one of them, or a column "action", or the one that column: names in the provider\'s configuration',
    );
  });

  test("a blank action after an asset's first vote, which may be the one before, a HOLD or none", () => {
    const lines = "2021-01-01,A,\n2021-01-02,A,BUY\n2021-01-02,B,\n2021-01-03,A,\n2021-01-04,A,SELL\n";
    expect(refusal(`timestamp,asset,action\n${lines}`)).toBe(
      'found nothing in line 5, column "action", expected BUY, SELL or HOLD, long, short or flat, or 1, -1 or 0: only before its ' +
        "first vote may an asset have none",
    );
  });
});

describe("parseVotesCsv() refuses, naming line and column,", () => {
  test.each([
    ["an empty file", "", 'found an empty file, expected the columns "timestamp,action"'],
    ["a header without votes", `${HEADER}\n`, "found no votes, expected at least one"],
    ["blanks in place of all actions", `${HEADER}\n2021-01-01,A,,\n`, "found no votes, expected at least one"],
    [
      "a missing column",
      "timestamp,asset,confidence,pos\n",
      'found the columns "timestamp,asset,confidence,pos" in line 1, expected a column "action", "signal", "position", "side" or ' +
        '"direction", or the one that column: names in the provider\'s configuration',
    ],
    [
      "a missing column of a file whose times may be those of a bar's start",
      ",0\n",
      'found the columns ",0" in line 1, expected a column "action", "signal", "position", "side" or "direction", or the one that ' +
        "column: names in the provider's configuration; its times need stamp: bar_start for starts of bars, as pandas labels them, or stamp: known_at " +
        "for when each vote was known",
    ],
    [
      "no column of times",
      "day,action\n",
      'found the columns "day,action" in line 1, expected a column "timestamp", "date", "datetime", "time" or "open_time"',
    ],
    ["a short line", withLine("2021-01-01,A,BUY"), "found 3 fields in line 3, expected 4 as in the header"],
    [
      "a date that does not exist",
      withLine("2021-02-30,A,BUY,50"),
      'found "2021-02-30" in line 3, column "timestamp", expected a time such as 2021-01-01T00:00:00Z, or an epoch time',
    ],
    [
      "a date with the year last",
      withLine("31/12/2022 10:00,A,BUY,50"),
      'found "31/12/2022 10:00" in line 3, column "timestamp", expected a time such as 2021-01-01T00:00:00Z, or an epoch time; ' +
        'in pandas, .strftime("%Y-%m-%d %H:%M") writes the day after the month',
    ],
    [
      "a truth value",
      withLine("2021-01-01,A,False,50"),
      'found "False" in line 3, column "action", expected BUY, SELL or HOLD, long, short or flat, or 1, -1 or 0; ' +
        "in pandas, .astype(int) turns True and False into 1 and 0, long and flat",
    ],
    [
      "a line without an asset",
      withLine("2021-01-01,,BUY,50"),
      'found nothing in line 3, column "asset", expected an asset such as BTCUSD',
    ],
    [
      "another action",
      withLine("2021-01-01,A,EXIT,50"),
      'found "EXIT" in line 3, column "action", expected BUY, SELL or HOLD, long, short or flat, or 1, -1 or 0',
    ],
    [
      "a part of a position",
      withLine("2021-01-01,A,0.5,50"),
      'found "0.5" in line 3, column "action", expected BUY, SELL or HOLD, long, short or flat, or 1, -1 or 0',
    ],
    [
      "no confidence",
      withLine("2021-01-01,A,BUY,"),
      'found nothing in line 3, column "confidence", expected a number from 0 to 100',
    ],
    [
      "a confidence above 100",
      withLine("2021-01-01,A,BUY,100.1"),
      'found "100.1" in line 3, column "confidence", expected a number from 0 to 100',
    ],
    [
      "a negative confidence",
      withLine("2021-01-01,A,BUY,-1"),
      'found "-1" in line 3, column "confidence", expected a number from 0 to 100',
    ],
    [
      "confidences that all look like shares of 1",
      `${HEADER}\n2021-01-01,A,BUY,0.5\n2021-01-02,A,HOLD,0\n2021-01-03,A,SELL,0.75\n`,
      'found "0.75", the highest of all confidences, in line 4, column "confidence", expected 0 to 100; in the provider\'s ' +
        "configuration, confidence_scale: 1 says that 1 is the highest, confidence_scale: 100 that they are out of 100",
    ],
    [
      "a confidence of NaN",
      withLine("2021-01-01,A,BUY,nan"),
      'found "nan" in line 3, column "confidence", expected a number from 0 to 100',
    ],
  ])("%s", (_, text, message) => {
    expect(refusal(text)).toBe(message);
  });
});

describe("confidences of at most 1", () => {
  const text = `${HEADER}\n2021-01-01,A,BUY,0.57\n`;

  test.each([
    ["are shares with confidenceScale: 1", 1, 57],
    ["are taken as they are with confidenceScale: 100", 100, 0.57],
  ] as const)("%s", (_, confidenceScale, confidence) => {
    expect(shown(parse(text, { confidenceScale }), "A")).toEqual([["2021-01-01T00:00:00.000Z", "BUY", confidence]]);
  });

  test("are refused above the highest", () => {
    expect(refusal(`${HEADER}\n2021-01-01,A,BUY,1.5\n`, { confidenceScale: 1 })).toBe(
      'found "1.5" in line 2, column "confidence", expected a number from 0 to 1',
    );
  });
});
