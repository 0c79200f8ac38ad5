import { expect, test } from "bun:test";
import { closest } from "../../lib/util/closest.ts";

test.each([
  ["lerning_rate", ["enabled", "learning_rate"], "learning_rate"],
  ["memory-dri", ["memory-dir", "config"], "memory-dir"],
  ["JSON", ["json"], "json"],
  // One substitution beats two.
  ["backup", ["backap", "bakap"], "backap"],
  // Of equals the first.
  ["cat", ["bat", "hat"], "bat"],
  ["folder", ["dir", "embedder", "model_dir"], undefined],
  // Two letters can become any two others.
  ["ab", ["xy"], undefined],
  ["", ["a"], undefined],
  ["x", [], undefined],
] as const)("closest(%j, %j) is %j", (word, candidates, wanted) => {
  expect(closest(word, candidates)).toBe(wanted);
});
