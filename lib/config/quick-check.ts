/**
 * A stand-in for zod that says yes, or nothing. zod takes 40 ms to load and start, which is half of a short command, and a
 * multiple of the stand-in's time to check a message; nearly every value is right. Schemas take zod as an argument, so that each
 * stays one: here they get the few functions of zod that they use. Where a value is not plainly right, zod is asked, and says
 * what is wrong.
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
  const checked = unlessInDoubt(() => checkConfig(standIn, data, options));
  return checked !== undefined && "config" in checked ? checked.config : undefined;
}

/** @returns What `work` returns; `undefined` if a schema of the stand-in met a value about which zod has to be asked. */
export function unlessInDoubt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error === DOUBT) return undefined;
    throw error;
  }
}

/** Made once: unions throw it for every alternative that is not the one, and an error is slow to make. */
const DOUBT = new Error("not plainly right");

function doubt(): never {
  throw DOUBT;
}

/** What a check of our own is given. */
const CONTEXT = { addIssue: doubt };

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

  describe(): Schema {
    return this;
  }

  refine(accepts: (value: never) => boolean): Schema {
    return this.#then((value) => void (accepts(value) || doubt()));
  }

  transform(change: (value: never, context: typeof CONTEXT) => unknown): Schema {
    return new Schema((found) => change(this.read(found) as never, CONTEXT));
  }

  superRefine(check: (value: never, context: typeof CONTEXT) => void): Schema {
    return this.#then((value) => check(value, CONTEXT));
  }

  min(length: number): Schema {
    return this.#then((value: readonly unknown[]) => void (value.length >= length || doubt()));
  }

  max(length: number): Schema {
    return this.#then((value: readonly unknown[]) => void (value.length <= length || doubt()));
  }

  safeParse(value: unknown): { success: true; data: unknown } {
    return { success: true, data: this.read(value) };
  }

  #then(check: (value: never) => void): Schema {
    const { read } = this;
    return new Schema((found) => {
      const value = read(found);
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

/** What the schemas use of zod. Any other function of it has to be added. */
export const standIn: typeof Zod = {
  string: () => typed((value) => typeof value === "string"),
  number: () => typed((value) => Number.isFinite(value)),
  boolean: () => typed((value) => typeof value === "boolean"),
  literal: (wanted: unknown) => typed((value) => value === wanted),
  custom: typed,
  unknown: () => typed(() => true),
  enum: (wanted: readonly unknown[]) => typed((value) => wanted.includes(value)),
  exactOptional: ({ read }: Schema) => new Schema(read, { isOptional: true }),
  array: ({ read }: Schema) => new Schema((value) => (Array.isArray(value) ? value.map(read) : doubt())),
  record: (key: Schema, item: Schema) =>
    new Schema((value) => {
      const made: Record<string, unknown> = {};
      for (const [name, each] of Object.entries(mapOf(value))) {
        // It would set the prototype.
        made[name === "__proto__" ? doubt() : (key.read(name) as string)] = item.read(each);
      }
      return made;
    }),
  strictObject: (shape: Readonly<Record<string, Schema>>) => {
    const entries = Object.entries(shape);
    return new Schema((value) => {
      const found = mapOf(value);
      for (const key of Object.keys(found)) if (!Object.hasOwn(shape, key)) doubt();
      const made: Record<string, unknown> = {};
      for (const [key, { read, isOptional }] of entries) {
        if (!isOptional || Object.hasOwn(found, key)) made[key] = read(found[key]);
      }
      return made;
    });
  },
  union: firstOf,
  discriminatedUnion: (_key: string, schemas: readonly Schema[]) => firstOf(schemas),
} as unknown as typeof Zod;

function firstOf(schemas: readonly Schema[]): Schema {
  return new Schema((value) => {
    for (const { read } of schemas) {
      try {
        return read(value);
      } catch (error) {
        if (error !== DOUBT) throw error;
      }
    }
    return doubt();
  });
}
