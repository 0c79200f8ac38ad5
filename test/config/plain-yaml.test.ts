import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as yaml from "yaml";
import { parsePlainYaml } from "../../lib/config/plain-yaml.node.ts";
import { parseYaml } from "../../lib/config/problems.ts";
import { PROJECT_DIR } from "../samples.ts";

/** What the package yaml reads, or `undefined` where it has anything to complain about. */
function parseFully(text: string): unknown {
  const { document, problems } = parseYaml(yaml, text);
  return problems.length > 0 ? undefined : document?.toJS();
}

/** Values that parsers differ about, and plain ones. */
const scalar = fc.constantFrom(
  ..."a 1h true True null Null ~ yes No on 0 -0 007 1.50 -1.5 12345678901234567890 2021-01-01 ../x .5 /a/b-c data/x 1e3".split(
    " ",
  ),
  ...'0x10 0o17 a:b a::b : y n NaN .inf - -- --- ... ? & &a *a !t | > % @ ` # 12:30 1_000 +1 \'q\' "q" "a#b" "a\\n"'.split(
    " ",
  ),
  "a b",
  '"q # x"',
  "",
);
const key = fc.constantFrom("a", "b", "memory", "__proto__", "constructor", "1", "a b", '"a"');
const list = (value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.array(value, { maxLength: 3 }).map((values) => `[${values.join(", ")}]`);
const map = (value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.array(fc.tuple(key, value), { maxLength: 3 }).map((all) => `{ ${all.map(([k, v]) => `${k}: ${v}`).join(", ")} }`);
const flat = fc.oneof(scalar, list(scalar), map(scalar));
const value = fc.oneof({ arbitrary: scalar, weight: 3 }, list(flat), map(flat));
const line = fc
  .record({
    indent: fc.constantFrom(0, 0, 2, 2, 4, 1, 3),
    dash: fc.constantFrom("", "", "", "- ", "-", "- - "),
    key: fc.oneof({ arbitrary: key, weight: 4 }, fc.constant("")),
    value,
    end: fc.constantFrom("", "", "", " # c", "#c", " #", "\t", "\r", " "),
  })
  .map((of) => `${" ".repeat(of.indent)}${of.dash}${of.key === "" ? "" : `${of.key}: `}${of.value}${of.end}`);

describe("parsePlainYaml()", () => {
  test("reads what the package yaml reads, or nothing", () => {
    let read = 0;
    fc.assert(
      fc.property(fc.array(line, { maxLength: 5 }), (lines) => {
        const text = lines.join("\n");
        const found = parsePlainYaml(text);
        if (found === undefined) return;
        read += 1;
        expect({ text, found: JSON.stringify(found) }).toEqual({ text, found: JSON.stringify(parseFully(text)) });
      }),
      { numRuns: 5000 },
    );
    expect(read).toBeGreaterThan(300);
  });

  test("reads the project's config.yaml", () => {
    const text = readFileSync(join(PROJECT_DIR, "config.yaml"), "utf8");
    expect(JSON.stringify(parsePlainYaml(text))).toBe(JSON.stringify(parseFully(text)));
  });

  test("reads no file of ours that the package yaml refuses", () => {
    const folder = join(PROJECT_DIR, "test", "fixtures", "config");
    for (const name of readdirSync(folder)) {
      const text = readFileSync(join(folder, name), "utf8");
      const found = parsePlainYaml(text);
      if (found !== undefined) expect([name, found]).toEqual([name, parseFully(text)!]);
    }
  });

  test.each([
    ["a key twice", "memory: { dir: a, dir: b }"],
    ["a key twice, beside one in quotes", 'a: 1\na: 2\n"b": 3'],
    ["the prototype's key", "asset_costs: { __proto__: { fee_bps: 1 } }"],
    ["a text that is longer than a configuration may be", `a: 1${" ".repeat(100_000)}`],
  ])("leaves %s to the package yaml", (_what, text) => {
    expect(parsePlainYaml(text)).toBeUndefined();
  });

  test("takes no longer for a line that nearly fits", () => {
    // Time of the processor: a busy machine adds none.
    const started = process.cpuUsage();
    for (const part of ["[", "{ a: [", "a, ", "{ a: b, ", '"', "- ", "1.", "[[[a], "]) {
      parsePlainYaml(`a: ${part.repeat(20_000)}`);
      parsePlainYaml(`a: [${part.repeat(20_000)}]]`);
    }
    expect(process.cpuUsage(started).user / 1000).toBeLessThan(2000);
  });
});
