import { expect, test } from "bun:test";
import fc from "fast-check";
import { assetFileName, isAssetName } from "../../lib/config/asset-name.ts";
import { isFileNamePart } from "../../lib/util/names.ts";

test.each([
  ["BTCUSD", "BTCUSD"],
  ["7203.T", "7203.T"],
  ["BTC-USD", "BTC-USD"],
  ["GOLD_", "GOLD_"],
  ["BTC/USDT", "BTC_USDT"],
  ["BTC/USDT:USDT", "BTC_USDT_USDT"],
  ["^GSPC", "GSPC"],
  ["EURUSD=X", "EURUSD_X"],
  ["ES1!", "ES1"],
  ["_private", "private"],
])("the asset %s is %s in the name of a file", (asset, file) => {
  expect(isAssetName(asset)).toBe(true);
  expect(assetFileName(asset)).toBe(file);
});

test.each([
  "",
  " ",
  "BTC USD",
  "a,b",
  'a"b',
  "a\\b",
  "..",
  "../BTCUSD",
  "a/../b",
  "/",
  "^",
  "NUL",
  "con/",
  "x".repeat(98),
  "\u20acUSD",
])("%j is no asset", (text) => {
  expect(isAssetName(text)).toBe(false);
});

test("every asset makes a safe part of a file's name, and a second time the same", () => {
  const name = fc.string({ unit: fc.constantFrom(..."aZ09./^=-_:+&!#$@".split("")), minLength: 1, maxLength: 97 });
  fc.assert(
    fc.property(name.filter(isAssetName), (asset) => {
      const file = assetFileName(asset);
      expect(isFileNamePart(file)).toBe(true);
      expect(assetFileName(file)).toBe(file);
    }),
  );
});
