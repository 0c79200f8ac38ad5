import { expect, test } from "bun:test";
import { formatManifest, parseManifest } from "../../lib/backup/manifest.ts";

test("parseManifest() reads what formatManifest() wrote, and refuses anything else with its place", () => {
  const manifest = {
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
  expect(bad(text.replace('"new_bytes": 3', '"new_bytes": 4'))).toThrow(/bytes that do not match its own SHA-256/);
  expect(bad(`${text} `)).toThrow(/bytes that do not match its own SHA-256/);
  expect(bad(text.replace('"version": 1', '"version": 2'))).toThrow(/version/);
});
