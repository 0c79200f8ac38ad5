import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { formatManifest, parseManifest, sequenceIn } from "../../lib/backup/manifest.ts";

test("parseManifest() reads what formatManifest() wrote, and refuses anything else with its place", () => {
  const manifest = {
    sequence: 7,
    created: "2021-04-01T06:00:00.000Z",
    label: 'a "label", \n "manifest_sha256"',
    new_bytes: 3,
    files: [{ name: "a", size: 3, sha256: "ab".repeat(32) }],
  };
  expect(parseManifest(formatManifest(manifest), "M")).toEqual(manifest);
  expect(parseManifest(formatManifest({ ...manifest, files: [] }), "M").files).toEqual([]);
  const bad =
    (text: string): (() => unknown) =>
    () =>
      parseManifest(new TextEncoder().encode(text), "M");
  expect(bad("")).toThrow(/^Cannot read "M": found .*, expected the manifest of a backup$/);
  expect(bad("[]")).toThrow(/expected the manifest of a backup$/);
  const text = new TextDecoder().decode(formatManifest(manifest));
  expect(bad(text.replace('"size":3', '"size":-3'))).toThrow(/files\.0\.size/);
  expect(bad(text.replace('"size":3', '"size":1e15'))).toThrow(/files\.0\.size/);
  expect(bad(text.replace('"new_bytes": 3', '"new_bytes": 4'))).toThrow(/bytes that do not match its own SHA-256/);
  expect(bad(`${text} `)).toThrow(/bytes that do not match its own SHA-256/);
  expect(bad(text.replace('"version": 2', '"version": 3'))).toThrow(/version/);
  expect(bad(text.replace('"sequence": 7', '"sequence": 0'))).toThrow(/sequence/);
  expect(bad(text.replace('"sequence": 7', '"sequence": 9007199254740991'))).toThrow(/sequence/);
});

test("a manifest of version 1, which has no sequence number, is read and comes first", () => {
  const text = [
    "{",
    '"format": "carryover-backup",',
    '"version": 1,',
    '"created": "2021-04-01T06:00:00.000Z",',
    '"label": null,',
    '"new_bytes": 0,',
    '"files": [',
    "],",
    "",
  ].join("\n");
  const sha256 = createHash("sha256").update(text).digest("hex");
  const bytes = new TextEncoder().encode(`${text}"manifest_sha256": "${sha256}"\n}\n`);
  expect(parseManifest(bytes, "M")).toMatchObject({ sequence: 0, created: "2021-04-01T06:00:00.000Z" });
  expect(sequenceIn(bytes)).toBe(0);
  expect(sequenceIn(bytes.subarray(0, 40))).toBeUndefined();
  expect(sequenceIn(formatManifest({ sequence: 12, created: "", label: "", new_bytes: 0, files: [] }))).toBe(12);
});
