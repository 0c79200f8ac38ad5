import { expect, test } from "bun:test";
import { loadOptional, packagesToAdd } from "../../lib/util/optional-packages.ts";

const NAME = "@carryover/is-not-there";

test("a missing package is named with the command that adds it", () => {
  const loading = loadOptional(() => import(NAME), { tried: "Cannot fetch bars", packages: [NAME] });
  return expect(loading).rejects.toMatchObject({
    code: "NOT_FOUND",
    message: expect.stringMatching(
      /^Cannot fetch bars: found .*@carryover\/is-not-there.*, expected the package @carryover\/is-not-there \(bun add @carryover\/is-not-there\)$/,
    ),
    cause: expect.any(Error),
  });
});

test("several packages are added by one command", () => {
  expect(packagesToAdd(["ai", "@ai-sdk/openai"])).toBe("the packages ai, @ai-sdk/openai (bun add ai @ai-sdk/openai)");
});

test("what is there is loaded", async () => {
  const { closest } = await loadOptional(() => import("../../lib/util/closest.ts"), { tried: "", packages: [] });
  expect(closest("trand", ["trend"])).toBe("trend");
});
