import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { useNativeFunctions } from "../../lib/util/native.node.ts";
import { plainSha256, sha256OfBytes, sha256OfText } from "../../lib/util/sha256.ts";
import { anyText } from "../any-text.ts";

test("sha256OfText() and sha256OfBytes() agree with the examples of FIPS 180-4", async () => {
  const examples = [
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    [
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ],
  ] as const;
  for (const [text, digest] of examples) {
    expect(plainSha256(text)).toBe(digest);
    expect(sha256OfText(text)).toBe(digest);
    expect(await sha256OfBytes(new TextEncoder().encode(text))).toBe(digest);
  }
});

test("plainSha256() and the engine's own hash the UTF-8 of any text, as OpenSSL does", () => {
  useNativeFunctions();
  fc.assert(
    fc.property(anyText(), (text) => {
      const digest = createHash("sha256").update(text, "utf8").digest("hex");
      expect(plainSha256(text)).toBe(digest);
      expect(sha256OfText(text)).toBe(digest);
    }),
    { numRuns: 40 },
  );
});
