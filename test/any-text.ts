import fc from "fast-check";

/** Every code point but the halves of surrogate pairs. */
const codePoint = fc.nat(0x10ffff - 0x800).map((n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800));

/** Any text, as by `fc.string({ unit: "binary" })`. Making that takes half a second. */
export function anyText(options: { maxLength?: number } = {}): fc.Arbitrary<string> {
  return fc.string({ unit: codePoint, ...options });
}
