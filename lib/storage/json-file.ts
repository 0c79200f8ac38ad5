import { decodeJsonObject } from "../util/json.ts";
import type { Storage } from "./storage.ts";

/**
 * Reads a stored JSON object.
 *
 * @returns `undefined` if there is no such file.
 * @throws {CarryoverError} `CORRUPT` if it is larger than `maxBytes`, or not a JSON object.
 */
export async function readJsonObject(
  storage: Storage,
  name: string,
  options: { maxBytes: number },
): Promise<Record<string, unknown> | undefined> {
  const bytes = await storage.read(name, { maxBytes: options.maxBytes + 1 });
  return bytes === undefined ? undefined : decodeJsonObject(bytes, name, options);
}
