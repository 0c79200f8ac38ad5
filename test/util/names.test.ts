import { expect, test } from "bun:test";
import fc from "fast-check";
import { assertFileNamePart, assertNewName, assertStorageName, isNewName } from "../../lib/util/names.ts";

function refused(id: string): RegExp | string | undefined {
  try {
    assertFileNamePart("decision_id", id);
    return undefined;
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error)) throw error;
    expect(error.code).toBe("BAD_OUTCOME");
    return error.message;
  }
}

test("assertFileNamePart() accepts our ids and imported ones", () => {
  const ids = [
    "20210103T1200-BTCUSD-0a1b2c3d",
    "0",
    "a.b",
    "x".repeat(120),
    "BTC-USD_1.5",
    "console",
    "COM10",
    "nul-1",
  ];
  for (const id of ids) expect(refused(id)).toBeUndefined();
});

test("assertFileNamePart() refuses ids that leave the folder, are too long or confuse a file system", () => {
  for (const id of [
    "../x",
    "a/b",
    "a\\b",
    "",
    "a\0",
    "x".repeat(300),
    "x".repeat(121),
    ".hidden",
    "-rf",
    "_a",
    "ä",
    "a b",
  ]) {
    expect(refused(id)).toStartWith("Cannot name a file after decision_id: found ");
  }
  expect(refused("a\0")).toContain(`found "a\\u0000", expected 1 to 120 letters, digits`);
  expect(refused("x".repeat(300))?.toString().length).toBeLessThan(300);
});

test("assertFileNamePart() refuses Windows devices in any case and with any extension, and a trailing dot", () => {
  for (const id of ["CON", "prn", "Aux", "NUL", "com1", "LPT9", "nul.json", "Con.tar.gz"]) {
    expect(refused(id)).toEndWith("expected a name that is not a Windows device");
  }
  expect(refused("a.")).toEndWith("expected a name that does not end in a dot");
});

test("assertStorageName() accepts exactly the names whose path stays below the folder", () => {
  const segment = fc.constantFrom("a", "..", ".", "", "b.json", ".tmp-1", ".lock", ".lock.json", ".locks", "...", "-");
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), (segments) => {
      const good = segments.every((part) => ["a", "b.json", "...", "-"].includes(part));
      const check = (): void => assertStorageName(segments.join("/"));
      if (good) check();
      else expect(check).toThrow(/^Cannot use a file name: found "/);
    }),
  );
});

test("assertNewName() says which rule of Windows a name breaks", () => {
  const broken: readonly (readonly [string, string])[] = [
    ["ab:c", String.raw`a name without : * ? " < > | and control characters`],
    ["runs/Con/a", "a name that is not a Windows device"],
    ["com1.json", "a name that is not a Windows device"],
    ["runs./a", "a name that does not end in a dot or space"],
    ["../a", 'a relative name without empty parts, "." and ".."'],
  ];
  for (const [name, expected] of broken) {
    expect(() => assertNewName(name)).toThrow(`expected ${expected}`);
    expect(isNewName(name)).toBeFalse();
  }
  for (const name of ["console.json", "a.b", "com10", "runs/ä b.ndjson"]) expect(isNewName(name)).toBeTrue();
});
