/** Packages that the published package leaves out: they are large, and most runs need none of them. */
import { fail, messageOf } from "../errors.ts";

/** What needs packages that may be missing. */
interface OptionalPackages {
  /** Such as `Cannot fetch bars`. */
  readonly tried: string;
  readonly packages: readonly string[];
}

/**
 * Loads what needs packages that may be missing.
 *
 * @throws {CarryoverError} `NOT_FOUND`, with the command that adds them.
 */
export async function loadOptional<T>(load: () => Promise<T>, { tried, packages }: OptionalPackages): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw fail("NOT_FOUND", tried, { found: messageOf(cause), expected: packagesToAdd(packages), cause });
  }
}

/** Such as `the packages ai, @ai-sdk/openai (bun add ai @ai-sdk/openai)`. */
export function packagesToAdd(packages: readonly string[]): string {
  const noun = packages.length === 1 ? "package" : "packages";
  return `the ${noun} ${packages.join(", ")} (bun add ${packages.join(" ")})`;
}
