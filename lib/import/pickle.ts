/**
 * Reads Python pickles as data. A pickle is a program for a stack machine (CPython, Lib/pickletools.py), and some of its opcodes
 * import and call functions. Here they do not: an object of any class becomes an empty map, which its items fill.
 */
import { corruptFile } from "../errors.ts";

/** What a pickle is read as: maps for dictionaries and objects; arrays for lists, tuples and sets. */
export type Unpickled = null | boolean | number | string | Uint8Array | Unpickled[] | Map<unknown, Unpickled>;

/** Lists, maps and objects in a pickle: a byte makes one, which takes some seventy bytes here. */
const MAX_CONTAINERS = 1_000_000;

/** Whether a file may be a pickle of protocol 2 or newer. */
export function looksLikePickle(bytes: Uint8Array): boolean {
  return bytes[0] === 0x80 && bytes[1]! >= 2 && bytes[1]! <= 5 && bytes.at(-1) === 0x2e;
}

/**
 * Reads a pickle of protocol 2 to 5 without running any code of it.
 *
 * @throws {CarryoverError} `CORRUPT` if it ends early, or is no pickle.
 */
export function readPickle(bytes: Uint8Array, name: string): Unpickled {
  try {
    return run(new Machine(bytes));
  } catch (cause) {
    if (!(cause instanceof PickleError)) throw cause;
    throw corruptFile(name, { found: cause.message, expected: "a pickle", cause });
  }
}

class PickleError extends Error {}

function run(machine: Machine): Unpickled {
  let containers = 0;
  for (;;) {
    const code = String.fromCharCode(machine.take(1)[0]!);
    if (code === ".") return machine.pop();
    if (MAKES_CONTAINER.has(code) && ++containers > MAX_CONTAINERS)
      throw new PickleError(`more than ${MAX_CONTAINERS} lists and maps`);
    const operation = OPERATIONS[code];
    if (operation === undefined) throw new PickleError(`the unknown opcode ${JSON.stringify(code)}`);
    operation(machine);
  }
}

class Machine {
  readonly memo = new Map<number, Unpickled>();
  readonly #bytes: Uint8Array;
  #at = 0;
  #stack: Unpickled[] = [];
  /** The stacks below the marks. */
  readonly #marked: Unpickled[][] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next bytes. */
  take(count: number): Uint8Array {
    if (!(count <= this.#bytes.length - this.#at)) throw new PickleError("an early end");
    return this.#bytes.subarray(this.#at, (this.#at += count));
  }

  /** The next bytes as a little-endian number without a sign. */
  count(bytes: number): number {
    return this.take(bytes).reduceRight((value, byte) => value * 256 + byte, 0);
  }

  /** The text up to the next line feed. */
  line(): string {
    const end = this.#bytes.indexOf(10, this.#at);
    const text = latin1.decode(this.take(Math.max(0, end - this.#at)));
    this.take(1);
    return text;
  }

  push(value: Unpickled): void {
    this.#stack.push(value);
  }

  pop(): Unpickled {
    const value = this.#stack.pop();
    if (value === undefined) throw new PickleError("an empty stack");
    return value;
  }

  top(): Unpickled {
    const value = this.pop();
    this.push(value);
    return value;
  }

  mark(): void {
    this.#marked.push(this.#stack);
    this.#stack = [];
  }

  /** What was pushed since the last mark. */
  popMark(): Unpickled[] {
    const items = this.#stack;
    const below = this.#marked.pop();
    if (below === undefined) throw new PickleError("no mark");
    this.#stack = below;
    return items;
  }

  /** Replaces the topmost values by an object. */
  toObject(values: number): void {
    for (let i = 0; i < values; i++) this.pop();
    this.push(new Map());
  }

  extend(items: readonly Unpickled[]): void {
    const list = this.top();
    if (Array.isArray(list)) for (const item of items) list.push(item);
  }

  /** @param items Keys and values in turn. */
  setItems(items: readonly Unpickled[]): void {
    const map = this.top();
    if (map instanceof Map) for (let i = 0; i + 1 < items.length; i += 2) map.set(items[i], items[i + 1]!);
  }

  /** Replaces the topmost values by a list. */
  toList(values: number): void {
    const list: Unpickled[] = [];
    for (let i = 0; i < values; i++) list.unshift(this.pop());
    this.push(list);
  }

  recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) throw new PickleError(`nothing under ${index} in the memo`);
    this.push(value);
  }
}

const utf8 = new TextDecoder();
const latin1 = new TextDecoder("latin1");

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A whole number of any length, in two's complement. */
function wholeNumber(bytes: Uint8Array): number {
  const value = bytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
  return (bytes.at(-1) ?? 0) > 127 ? value - 256 ** bytes.length : value;
}

/** Opcodes that make a list, a map or an object, or begin a stack. */
const MAKES_CONTAINER: ReadonlySet<string> = new Set("])}(\x85\x86\x87\x8F\x81\x82\x83\x84\x92\x93\x97cRQ");

/** By opcode, in the order of pickletools. */
const OPERATIONS: Readonly<Record<string, (m: Machine) => unknown>> = {
  J: (m) => m.push(viewOf(m.take(4)).getInt32(0, true)),
  K: (m) => m.push(m.count(1)),
  M: (m) => m.push(m.count(2)),
  "\x8A": (m) => m.push(wholeNumber(m.take(m.count(1)))),
  "\x8B": (m) => m.push(wholeNumber(m.take(m.count(4)))),
  T: (m) => m.push(latin1.decode(m.take(m.count(4)))),
  U: (m) => m.push(latin1.decode(m.take(m.count(1)))),
  B: (m) => m.push(m.take(m.count(4))),
  C: (m) => m.push(m.take(m.count(1))),
  "\x8E": (m) => m.push(m.take(m.count(8))),
  "\x96": (m) => m.push(m.take(m.count(8))),
  "\x97": (m) => m.toObject(0),
  "\x98": () => {},
  N: (m) => m.push(null),
  "\x88": (m) => m.push(true),
  "\x89": (m) => m.push(false),
  "\x8C": (m) => m.push(utf8.decode(m.take(m.count(1)))),
  X: (m) => m.push(utf8.decode(m.take(m.count(4)))),
  "\x8D": (m) => m.push(utf8.decode(m.take(m.count(8)))),
  G: (m) => m.push(viewOf(m.take(8)).getFloat64(0)),
  "]": (m) => m.push([]),
  a: (m) => m.extend([m.pop()]),
  e: (m) => m.extend(m.popMark()),
  ")": (m) => m.push([]),
  t: (m) => m.push(m.popMark()),
  "\x85": (m) => m.toList(1),
  "\x86": (m) => m.toList(2),
  "\x87": (m) => m.toList(3),
  "}": (m) => m.push(new Map()),
  s: (m) => m.setItems([m.pop(), m.pop()].toReversed()),
  u: (m) => m.setItems(m.popMark()),
  "\x8F": (m) => m.push([]),
  "\x90": (m) => m.extend(m.popMark()),
  "\x91": (m) => m.push(m.popMark()),
  "0": (m) => m.pop(),
  "2": (m) => m.push(m.top()),
  "(": (m) => m.mark(),
  "1": (m) => m.popMark(),
  h: (m) => m.recall(m.count(1)),
  j: (m) => m.recall(m.count(4)),
  q: (m) => m.memo.set(m.count(1), m.top()),
  r: (m) => m.memo.set(m.count(4), m.top()),
  "\x94": (m) => m.memo.set(m.memo.size, m.top()),
  // Objects: a class, a call, an instance, what it is made of, and names from elsewhere.
  "\x82": (m) => (m.take(1), m.toObject(0)),
  "\x83": (m) => (m.take(2), m.toObject(0)),
  "\x84": (m) => (m.take(4), m.toObject(0)),
  c: (m) => (m.line(), m.line(), m.toObject(0)),
  "\x93": (m) => m.toObject(2),
  R: (m) => m.toObject(2),
  b: (m) => m.pop(),
  "\x81": (m) => m.toObject(2),
  "\x92": (m) => m.toObject(3),
  Q: (m) => m.toObject(1),
  "\x80": (m) => m.take(1),
  "\x95": (m) => m.take(8),
};
