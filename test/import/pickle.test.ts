import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isCorrupt } from "../../lib/errors.ts";
import { looksLikePickle, readPickle } from "../../lib/import/pickle.ts";

/** What `pickle.dumps(..., protocol)` of CPython 3.11 made, in base64. */
const bytesOf = (base64: string): Uint8Array => Uint8Array.fromBase64(base64);

/**
 * `{"ids": ["a", "b"], "metadata": {"a": {"text": "BTC falls", "metadata": {"n": -7, "big": 2**40, "x": 1.5, "t": (1, 2, 3), "s": {1},
 * "ok": True, "no": None, "b": b"\x00\x01"}}, "b": {"text": "été"}}, "vectors": [[0.5, -1e300]]}`
 */
const MEMORY: Readonly<Record<number, string>> = {
  2: "gAJ9cQAoWAMAAABpZHNxAV1xAihYAQAAAGFxA1gBAAAAYnEEZVgIAAAAbWV0YWRhdGFxBX1xBihoA31xByhYBAAAAHRleHRxCFgJAAAAQlRDIGZhbGxzcQloBX1xCihYAQAAAG5xC0r5////WAMAAABiaWdxDIoGAAAAAAABWAEAAAB4cQ1HP/gAAAAAAABYAQAAAHRxDksBSwJLA4dxD1gBAAAAc3EQY19fYnVpbHRpbl9fCnNldApxEV1xEksBYYVxE1JxFFgCAAAAb2txFYhYAgAAAG5vcRZOaARjX2NvZGVjcwplbmNvZGUKcRdYAgAAAAABcRhYBgAAAGxhdGluMXEZhnEaUnEbdXVoBH1xHGgIWAUAAADDqXTDqXEdc3VYBwAAAHZlY3RvcnNxHl1xH11xIChHP+AAAAAAAABH/jfkPIgAdZxlYXUu",
  4: "gASVxAAAAAAAAAB9lCiMA2lkc5RdlCiMAWGUjAFilGWMCG1ldGFkYXRhlH2UKGgDfZQojAR0ZXh0lIwJQlRDIGZhbGxzlGgFfZQojAFulEr5////jANiaWeUigYAAAAAAAGMAXiURz/4AAAAAAAAjAF0lEsBSwJLA4eUjAFzlI+UKEsBkIwCb2uUiIwCbm+UTmgEQwIAAZR1dWgEfZRoCIwFw6l0w6mUc3WMB3ZlY3RvcnOUXZRdlChHP+AAAAAAAABH/jfkPIgAdZxlYXUu",
  5: "gAWVxAAAAAAAAAB9lCiMA2lkc5RdlCiMAWGUjAFilGWMCG1ldGFkYXRhlH2UKGgDfZQojAR0ZXh0lIwJQlRDIGZhbGxzlGgFfZQojAFulEr5////jANiaWeUigYAAAAAAAGMAXiURz/4AAAAAAAAjAF0lEsBSwJLA4eUjAFzlI+UKEsBkIwCb2uUiIwCbm+UTmgEQwIAAZR1dWgEfZRoCIwFw6l0w6mUc3WMB3ZlY3RvcnOUXZRdlChHP+AAAAAAAABH/jfkPIgAdZxlYXUu",
};

describe("a pickle", () => {
  test.each([2, 4, 5])("of protocol %i is read as the data that it holds", (protocol) => {
    const read = readPickle(bytesOf(MEMORY[protocol]!), "vectors.pkl") as Map<string, unknown>;
    expect(read.get("ids")).toEqual(["a", "b"]);
    expect(read.get("vectors")).toEqual([[0.5, -1e300]]);
    const metadata = read.get("metadata") as Map<string, Map<string, unknown>>;
    expect(metadata.get("b")).toEqual(new Map([["text", "été"]]));
    const inner = Object.fromEntries(metadata.get("a")!.get("metadata") as Map<string, unknown>);
    expect(inner).toMatchObject({ n: -7, big: 2 ** 40, x: 1.5, t: [1, 2, 3], ok: true, no: null });
    // Protocol 2 makes sets and bytes by calls, which are not made.
    if (protocol > 2) expect(inner).toMatchObject({ s: [1], b: new Uint8Array([0, 1]) });
  });

  test("with a numpy array and with an OrderedDict gives the texts beside them", () => {
    // {"vectors": [np.array([1.5, 2.5])], "metadata": {"a": {"text": "BTC rises"}}, "ids": ["a"]}
    const arrays =
      "gASV3QAAAAAAAAB9lCiMB3ZlY3RvcnOUXZSMFm51bXB5Ll9jb3JlLm11bHRpYXJyYXmUjAxfcmVjb25zdHJ1Y3SUk5SMBW51bXB5lIwHbmRhcnJheZSTlEsAhZRDAWKUh5RSlChLAUsChZRoBowFZHR5cGWUk5SMAmY4lImIh5RSlChLA4wBPJROTk5K/////0r/////SwB0lGKJQxAAAAAAAAD4PwAAAAAAAARAlHSUYmGMCG1ldGFkYXRhlH2UjAFhlH2UjAR0ZXh0lIwJQlRDIHJpc2VzlHNzjANpZHOUXZRoGWF1Lg==";
    const read = readPickle(bytesOf(arrays), "vectors.pkl") as Map<string, unknown>;
    expect(read.get("metadata")).toEqual(new Map([["a", new Map([["text", "BTC rises"]])]]));
    expect(read.get("vectors")).toEqual([new Map()]);
    // {"metadata": OrderedDict(a=1)}
    const ordered = "gASVNwAAAAAAAAB9lIwIbWV0YWRhdGGUjAtjb2xsZWN0aW9uc5SMC09yZGVyZWREaWN0lJOUKVKUjAFhlEsBc3Mu";
    expect(readPickle(bytesOf(ordered), "vectors.pkl")).toEqual(new Map([["metadata", new Map([["a", 1]])]]));
  });

  test("that would run a command when it is loaded runs none", () => {
    // The value of y is os.system("touch pwned").
    const evil =
      "gAJ9cQBYCAAAAG1ldGFkYXRhcQF9cQJYAQAAAGFxA31xBChYBAAAAHRleHRxBVgBAAAAeHEGWAEAAAB5cQdjcG9zaXgKc3lzdGVtCnEIWAsAAAB0b3VjaCBwd25lZHEJhXEKUnELdXNzLg==";
    const inner = new Map<string, unknown>([
      ["text", "x"],
      ["y", new Map()],
    ]);
    expect<unknown>(readPickle(bytesOf(evil), "vectors.pkl")).toEqual(new Map([["metadata", new Map([["a", inner]])]]));
  });

  test("that is cut off or damaged is refused, or read as something else, without a crash", () => {
    const whole = bytesOf(MEMORY[4]!);
    expect(() => readPickle(whole.subarray(0, 50), "vectors.pkl")).toThrow(
      'Cannot read "vectors.pkl": found an early end, expected a pickle',
    );
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const damaged = whole.slice();
        damaged[at] = byte;
        try {
          readPickle(damaged, "vectors.pkl");
        } catch (error) {
          expect(isCorrupt(error)).toBe(true);
        }
      }),
    );
  });

  test("that makes millions of lists is refused before they fill the memory", () => {
    const lists = new Uint8Array(1_000_002).fill(")".charCodeAt(0));
    expect(() => readPickle(lists, "vectors.pkl")).toThrow("found more than 1000000 lists and maps, expected a pickle");
  });

  test("is told from other files by its first bytes and its last", () => {
    expect(looksLikePickle(bytesOf(MEMORY[2]!))).toBe(true);
    expect(looksLikePickle(new TextEncoder().encode("{}"))).toBe(false);
    expect(looksLikePickle(new Uint8Array())).toBe(false);
  });
});
