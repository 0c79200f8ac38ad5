/**
 * A stand-in for zod that says yes, or nothing. zod takes 40 ms to load and start, which is half of a short command, and nearly
 * every configuration is right. The schema takes zod as an argument, so that it stays one: here it gets the few functions of zod
 * that it uses. Where a value is not plainly right, zod is asked, and says what is wrong.
 */
import type { z as Zod } from "zod";
import { isRecord } from "../util/json.ts";
import type { Config } from "./config.ts";
import { type Bound, checkConfig } from "./schema.ts";

/**
 * Checks a parsed document as `checkConfig()` does.
 *
 * @returns `undefined` where zod has to be asked.
 */
export function quickCheck(data: unknown, options: { nameBound?: (bound: Bound) => string } = {}): Config | undefined {
  try {
    const checked = checkConfig(standIn as unknown as typeof Zod, data, options);
    return "config" in checked ? checked.config : undefined;
  } catch (error) {
    if (error instanceof Doubt) return undefined;
    throw error;
  }
}

class Doubt extends Error {}

function doubt(): never {
  throw new Doubt();
}

/** A schema: what it makes of a value that is right. */
class Schema {
  readonly read: (value: unknown) => unknown;
  readonly isOptional: boolean;

  constructor(read: (value: unknown) => unknown, options: { isOptional?: boolean } = {}) {
    this.read = read;
    this.isOptional = options.isOptional ?? false;
  }

  default(value: unknown): Schema {
    return new Schema((found) => (found === undefined ? value : this.read(found)));
  }

  prefault(value: unknown): Schema {
    return new Schema((found) => this.read(found === undefined ? value : found));
  }

  refine(accepts: (value: never) => boolean): Schema {
    return this.#then((value) => void (accepts(value) || doubt()));
  }

  transform(change: (value: never) => unknown): Schema {
    return new Schema((found) => change(this.read(found) as never));
  }

  superRefine(check: (value: never, context: { addIssue: () => never }) => void): Schema {
    return this.#then((value) => check(value, { addIssue: doubt }));
  }

  min(length: number): Schema {
    return this.#then((value: readonly unknown[]) => void (value.length >= length || doubt()));
  }

  safeParse(value: unknown): { success: true; data: unknown } {
    return { success: true, data: this.read(value) };
  }

  #then(check: (value: never) => void): Schema {
    return new Schema((found) => {
      const value = this.read(found);
      check(value as never);
      return value;
    });
  }
}

function typed(isRight: (value: unknown) => boolean): Schema {
  return new Schema((value) => (isRight(value) ? value : doubt()));
}

function mapOf(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : doubt();
}

/** What the schema uses of zod. Any other function of it has to be added. */
const standIn = {
  string: () => typed((value) => typeof value === "string"),
  number: () => typed((value) => Number.isFinite(value)),
  boolean: () => typed((value) => typeof value === "boolean"),
  literal: (wanted: unknown) => typed((value) => value === wanted),
  custom: typed,
  enum: (wanted: readonly unknown[]) => typed((value) => wanted.includes(value)),
  exactOptional: ({ read }: Schema) => new Schema(read, { isOptional: true }),
  array: ({ read }: Schema) => new Schema((value) => (Array.isArray(value) ? value.map(read) : doubt())),
  record: (key: Schema, item: Schema) =>
    new Schema((value) =>
      Object.fromEntries(Object.entries(mapOf(value)).map(([name, each]) => [key.read(name), item.read(each)])),
    ),
  strictObject: (shape: Readonly<Record<string, Schema>>) =>
    new Schema((value) => {
      const found = mapOf(value);
      if (!Object.keys(found).every((key) => Object.hasOwn(shape, key))) doubt();
      const present = Object.entries(shape).filter(([key, { isOptional }]) => !isOptional || Object.hasOwn(found, key));
      return Object.fromEntries(present.map(([key, { read }]) => [key, read(found[key])]));
    }),
  union: firstOf,
  discriminatedUnion: (_key: string, schemas: readonly Schema[]) => firstOf(schemas),
};

function firstOf(schemas: readonly Schema[]): Schema {
  return new Schema((value) => {
    for (const { read } of schemas) {
      try {
        return read(value);
      } catch (error) {
        if (!(error instanceof Doubt)) throw error;
      }
    }
    return doubt();
  });
}
