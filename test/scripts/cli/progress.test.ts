import { expect, test } from "bun:test";
import { progressLog, shareProgress } from "../../../scripts/cli/progress.ts";
import type { ProgressLine } from "../../../scripts/cli/terminal.ts";

test("work in steps shows how much is done, and the time left by the steps since the first", () => {
  const shown: string[] = [];
  const clock = { ms: 0 };
  const line: ProgressLine = { update: (text) => void shown.push(text()), clear: () => {} };
  const progress = shareProgress({ line, now: () => clock.ms });
  progress.update("Copied", 1000, 5000);
  clock.ms = 2000;
  progress.update("Copied", 2000, 5000);
  clock.ms = 3000;
  // Another kind of work says nothing about this one.
  progress.update("Read back", 0, 10);
  clock.ms = 4000;
  progress.update("Read back", 1, 10);
  progress.update("Nothing", 0, 0);
  expect(shown).toEqual([
    "Copied  1,000 of 5,000  20%",
    "Copied  2,000 of 5,000  40%  6s left",
    "Read back  0 of 10  0%",
    "Read back  1 of 10  10%  9s left",
    "Nothing  0 of 0  0%",
  ]);
});

test("without a terminal a line is written every 30 seconds, the first after 30", () => {
  const lines: string[] = [];
  const clock = { ms: 5000 };
  const log = progressLog({ now: () => clock.ms, write: (line) => void lines.push(line) });
  for (; clock.ms <= 70_000; clock.ms += 1000) log.update(() => `at ${clock.ms / 1000} s`);
  log.clear();
  clock.ms = 100_000;
  log.update(() => "");
  expect(lines).toEqual(["at 35 s", "at 65 s"]);
});
