import type { z as Zod } from "zod";
import { parseTimestamp } from "../util/time.ts";
import { isZone, ZONE_FORM } from "../util/zones.ts";

/** The kinds of values that config.yaml has. Each says in its `error` what is expected; problems.ts says what was found. */
export interface Fields {
  /** A map of these keys and no others. */
  readonly map: <Shape extends Zod.core.$ZodLooseShape>(shape: Shape) => Zod.ZodObject<Shape, Zod.core.$strict>;
  readonly text: (expected: string, accepts: (value: string) => boolean) => Zod.ZodString;
  readonly number: (expected: string, accepts: (value: number) => boolean) => Zod.ZodNumber;
  readonly above0: (max: number) => Zod.ZodNumber;
  readonly integer: (min: number, max: number) => Zod.ZodNumber;
  readonly choice: <const Values extends readonly string[]>(
    values: Values,
  ) => Zod.ZodEnum<{ [Value in Values[number]]: Value }>;
  readonly boolean: Zod.ZodBoolean;
  /** `YYYY-MM-DD`. */
  readonly day: (example: string) => Zod.ZodString;
  readonly path: Zod.ZodString;
  readonly zone: Zod.ZodString;
}

/** @param z The zod module, which is loaded only where a configuration is read. */
export function fieldsOf(z: typeof Zod): Fields {
  const text: Fields["text"] = (error, accepts) => z.string({ error }).refine(accepts, { error });
  const number: Fields["number"] = (error, accepts) => z.number({ error }).refine(accepts, { error });
  return {
    map: (shape) => {
      // The message of an unknown key is the list of the known ones: problems.ts looks for the closest.
      const keys = Object.keys(shape).join(", ");
      return z.strictObject(shape, {
        error: ({ code }) => (code === "unrecognized_keys" ? keys : `a map of ${keys}`),
      });
    },
    text,
    number,
    above0: (max) => number(`a number above 0, at most ${max}`, (value) => value > 0 && value <= max),
    integer: (min, max) =>
      number(
        `a whole number from ${min} to ${max}`,
        (value) => Number.isInteger(value) && value >= min && value <= max,
      ),
    choice: (values) => z.enum(values, { error: values.map((value) => JSON.stringify(value)).join(" or ") }),
    boolean: z.boolean({ error: "true or false" }),
    day: (example) => text(`a day such as ${JSON.stringify(example)}`, isDay),
    path: text("a path", isPath),
    zone: text(ZONE_FORM, isZone),
  };
}

/** Whether a value is a day of the calendar, `YYYY-MM-DD`. */
export function isDay(value: unknown): value is string {
  return typeof value === "string" && /^\d{4}-\d{2}-\d{2}$/.test(value) && parseTimestamp(value) !== undefined;
}

/** Whether a text can be a path: no system takes a NUL or more than 4,096 characters. */
export function isPath(text: string): boolean {
  return text.trim() !== "" && text.length <= 4096 && !text.includes("\0");
}
