import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { CarryoverError } from "../../lib/errors.ts";
import { foundInputs } from "./found.ts";
import { damagedInput } from "./mutate.ts";
import { failureOn, type Target } from "./target.ts";
import { targets } from "./targets.ts";

// The machine may be busy.
setDefaultTimeout(60_000);

/** `bun run test:fuzz` makes as many as it has time for. */
const INPUTS = 15;

describe.each((await targets()).map((target) => [target.name, target] as const))("%s", (_name, target) => {
  // Damage to a seed that is refused at once would never reach the rest of the decoder.
  test("accepts undamaged files", async () => {
    const accepted = async (seed: Uint8Array): Promise<boolean> => {
      const bytes = new Uint8Array(seed);
      expect(await failureOn(target, bytes)).toBeUndefined();
      return target.decode(bytes).then(
        (value) => value !== undefined,
        () => false,
      );
    };
    const all = await Promise.all(target.seeds.map(accepted));
    expect(all).toContain(true);
    if (target.someAreBad !== true) expect(all).not.toContain(false);
  });

  test("returns a value or throws a CarryoverError for damaged files", async () => {
    for (let number = 0; number < INPUTS; number++) {
      const failure = await failureOn(target, damagedInput(target.seeds, { seed: 1, number }));
      expect([number, failure]).toEqual([number, undefined]);
    }
  });

  test("returns a value or throws a CarryoverError for any bytes and any JSON", async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((text) => new TextEncoder().encode(text)),
      fc.string().map((text) => new TextEncoder().encode(text)),
    );
    await fc.assert(
      fc.asyncProperty(bytes, async (input) => {
        expect(await failureOn(target, new Uint8Array(input))).toBeUndefined();
      }),
      { numRuns: 10, seed: 1 },
    );
  });

  test.each(foundInputs(target.name).map(({ name, bytes }) => [name, bytes] as const))(
    "does not fail on %s again",
    async (_file, bytes) => {
      expect(await failureOn(target, bytes)).toBeUndefined();
    },
  );
});

test("the same seed and number damage an input in the same way, other numbers in another", () => {
  const seeds = [new TextEncoder().encode("a,b\n1,2\n")];
  const inputs = [0, 1, 2].map((number) => damagedInput(seeds, { seed: 3, number }));
  expect(damagedInput(seeds, { seed: 3, number: 1 })).toEqual(inputs[1]!);
  expect(inputs[1]).not.toEqual(inputs[2]!);
  expect(new TextDecoder().decode(seeds[0])).toBe("a,b\n1,2\n");
});

test("failureOn() reports other errors, and a message that does not say what failed", async () => {
  const throwing = (error: unknown): Target => ({ name: "", seeds: [], decode: () => Promise.reject(error) });
  const bytes = new Uint8Array();
  expect(await failureOn(throwing(new TypeError("undefined is not an object")), bytes)).toContain("undefined is not");
  expect(await failureOn(throwing(new CarryoverError("CORRUPT", "Broken.")), bytes)).toContain("Broken.");
  expect(await failureOn(throwing(new CarryoverError("CORRUPT", 'Cannot read "a": found b, expected c')), bytes)).toBe(
    undefined,
  );
});
