import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Features, featuresAt, parseFeaturesCsv } from "../../lib/market/features.ts";

const parse = (text: string): Features =>
  parseFeaturesCsv(new TextEncoder().encode(text), { file: "data/features/BTCUSD.csv" });
const at = (time: string): number => Date.parse(`${time}Z`);

const FILE = `Mood;timestamp;funding;news.count
calm;2021-01-02T00:00;0.01;3
;2021-01-01;;7
"wild";${at("2021-01-03T00:00")};-0.02;3
`;

describe("parseFeaturesCsv()", () => {
  test("reads numbers, texts and empty cells under the names of the header, sorted by time", () => {
    expect(parse(FILE)).toEqual({
      names: ["Mood", "funding", "news.count"],
      rows: [
        { timestamp: at("2021-01-01T00:00"), values: [null, null, 7] },
        { timestamp: at("2021-01-02T00:00"), values: ["calm", 0.01, 3] },
        { timestamp: at("2021-01-03T00:00"), values: ["wild", -0.02, 3] },
      ],
    });
  });

  test("refuses a text in place of bytes", () => {
    const text = FILE as unknown as Uint8Array;
    expect(() => parseFeaturesCsv(text, { file: "BTCUSD.csv" })).toThrow(
      "found a string, expected bytes: parseFeaturesCsv(new TextEncoder().encode(text), {",
    );
  });

  test("may be called constructor", () => {
    expect(parse("timestamp,constructor\n2021-01-01,1\n").rows[0]!.values).toEqual([1]);
  });

  test("takes times without a zone in the one that is named, else as UTC, and tells of it", () => {
    const bytes = new TextEncoder().encode("timestamp,a\n2021-01-04 09:30,1\n2021-01-04T16:00Z,2\n");
    let calls = 0;
    const timesIn = (timezone?: string): unknown =>
      parseFeaturesCsv(bytes, { file: "a.csv", timezone, onUtcAssumed: () => (calls += 1) }).rows.map(
        ({ timestamp }) => timestamp,
      );
    expect(timesIn("America/New_York")).toEqual([at("2021-01-04T14:30"), at("2021-01-04T16:00")]);
    expect(calls).toBe(0);
    expect(timesIn()).toEqual([at("2021-01-04T09:30"), at("2021-01-04T16:00")]);
    expect(calls).toBe(1);
  });

  test("blank lines before the header are skipped, and messages count them", () => {
    expect(parse(`\n \r\n${FILE}`)).toEqual(parse(FILE));
    expect(() => parse("\ntimestamp,2a\n2021-01-01,1\n")).toThrow('found the column "2a" in line 2');
  });

  test.each([
    [
      "a text among numbers",
      "timestamp,a\n2021-01-01,1\n2021-01-02,one\n",
      'found "one" in line 3, column "a", expected a number, as in the lines before',
    ],
    [
      "no feature",
      "timestamp\n2021-01-01\n",
      'found the columns "timestamp" in line 1, expected "timestamp" and one or more features',
    ],
    ["no time", "a,b\n1,2\n", 'expected a column "timestamp"'],
    [
      "a time in another form",
      "timestamp,a\n1 Jan,2\n",
      'found "1 Jan" in line 2, column "timestamp", expected a time such as',
    ],
    [
      "a name that is none",
      "timestamp,fear & greed\n2021-01-01,2\n",
      'found the column "fear & greed" in line 1, expected a name of letters',
    ],
    ["one name twice", "timestamp,a,A\n2021-01-01,2,3\n", "found the column twice"],
    ["no rows", "timestamp,a\n", "found no rows, expected at least one"],
  ])("refuses %s", (_, text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});

describe("featuresAt()", () => {
  test.each([
    ["nothing before the first row", "2020-12-31T23:59", { Mood: null, funding: null, "news.count": null }, {}],
    [
      "a row at its own time",
      "2021-01-02T00:00",
      { Mood: "calm", funding: 0.01, "news.count": 3 },
      { funding: 0, "news.count": 0 },
    ],
    // Of three counts, one is below 7, but here 3 is the newest, with none below; of two fundings none is below -0.02.
    [
      "the newest row at the end",
      "2030-01-01T00:00",
      { Mood: "wild", funding: -0.02, "news.count": 3 },
      { funding: 0, "news.count": 0 },
    ],
  ])("knows %s", (_, time, features, ranks) => {
    expect(featuresAt(parse(FILE), at(time))).toEqual({ features, feature_ranks: ranks });
  });

  test("ranks a value among the last 500 rows that are known, and no later ones", () => {
    const values = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 1, maxLength: 1200 });
    fc.assert(
      fc.property(values, fc.nat(1199), (numbers, last) => {
        const rows = numbers.map((value, i) => ({ timestamp: i, values: [value] }));
        const now = Math.min(last, numbers.length - 1);
        const { features, feature_ranks: ranks } = featuresAt({ names: ["a"], rows }, now);
        const known = numbers.slice(Math.max(0, now - 499), now + 1);
        expect(features["a"]).toBe(numbers[now]!);
        expect(ranks["a"]).toBe(known.filter((each) => each < numbers[now]!).length / known.length);
      }),
    );
  });
});
