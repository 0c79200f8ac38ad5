/** The parts of LZ4's frame format that Arrow files use (github.com/lz4/lz4, doc/lz4_Frame_format.md). */

const MAGIC = 0x184d2204;
const HAS_CONTENT_SIZE = 0x08;
const HAS_BLOCK_CHECKSUMS = 0x10;
const HAS_DICTIONARY_ID = 0x01;
const IS_UNCOMPRESSED = 0x8000_0000;

/** Unpacks one frame. Checksums are not compared: the table's reader finds damage. @throws {RangeError} If it is no LZ4. */
export function decodeLz4Frame(frame: Uint8Array): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint32(0, true) !== MAGIC) throw new RangeError("no LZ4 frame");
  const flags = frame[4]!;
  let at = 6;
  let output = new Uint8Array(Math.max(4 * frame.length, 1 << 16));
  if ((flags & HAS_CONTENT_SIZE) !== 0) {
    output = new Uint8Array(Number(view.getBigUint64(at, true)));
    at += 8;
  }
  if ((flags & HAS_DICTIONARY_ID) !== 0) at += 4;
  // The header's checksum.
  at += 1;
  let end = 0;
  for (;;) {
    const word = view.getUint32(at, true);
    at += 4;
    if (word === 0) return output.slice(0, end);
    const size = word & ~IS_UNCOMPRESSED;
    const block = frame.subarray(at, at + size);
    if (block.length < size) throw new RangeError("an LZ4 frame that is cut off");
    ({ output, end } =
      (word & IS_UNCOMPRESSED) === 0 ? unpack(block, { output, end }) : append(block, { output, end }));
    at += size + ((flags & HAS_BLOCK_CHECKSUMS) === 0 ? 0 : 4);
  }
}

interface Output {
  readonly output: Uint8Array<ArrayBuffer>;
  readonly end: number;
}

function append(bytes: Uint8Array, { output, end }: Output): Output {
  const target = roomFor(output, end + bytes.length);
  target.set(bytes, end);
  return { output: target, end: end + bytes.length };
}

function roomFor(output: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  if (length <= output.length) return output;
  const larger = new Uint8Array(Math.max(length, 2 * output.length));
  larger.set(output);
  return larger;
}

/** One block: sequences of literals and matches, which may reach back into the blocks before (doc/lz4_Block_format.md). */
function unpack(block: Uint8Array, { output, end }: Output): Output {
  let target = output;
  let to = end;
  let at = 0;
  const length = (nibble: number): number => {
    if (nibble < 15) return nibble;
    let sum = nibble;
    for (;;) {
      const byte = block[at++]!;
      sum += byte;
      if (byte !== 255) return sum;
    }
  };
  while (at < block.length) {
    const token = block[at++]!;
    const literals = length(token >> 4);
    target = roomFor(target, to + literals);
    target.set(block.subarray(at, at + literals), to);
    at += literals;
    to += literals;
    if (at >= block.length) break;
    const offset = block[at]! | (block[at + 1]! << 8);
    at += 2;
    if (offset === 0 || offset > to) throw new RangeError("a match before the start");
    const match = length(token & 15) + 4;
    target = roomFor(target, to + match);
    for (let i = 0; i < match; i++) target[to + i] = target[to + i - offset]!;
    to += match;
  }
  return { output: target, end: to };
}
