import { expect, test } from "bun:test";
import type { ProgressLine } from "../../../scripts/cli/terminal.ts";
import { firstLongWaits, runProgress } from "../../../scripts/cli/run-progress.ts";

const START = Date.UTC(2021, 0, 5);

/** A progress line that records what it shows, and a clock. */
function watched(): { shown: string[]; clock: { ms: number }; progress: ReturnType<typeof runProgress> } {
  const shown: string[] = [];
  const clock = { ms: 1000 };
  const line: ProgressLine = { update: (text) => void shown.push(text()), clear: () => {} };
  return { shown, clock, progress: runProgress({ line, now: () => clock.ms }) };
}

const at = (share: number): Parameters<ReturnType<typeof runProgress>["update"]>[0] => ({
  chunk: "2021Q1",
  simulatedMs: START,
  share,
  equity: 10_000,
  trades: 3,
});

test("rate and time left are measured from the first tick on", () => {
  const { shown, clock, progress } = watched();
  progress.update(at(0.1));
  clock.ms += 2000;
  progress.update(at(0.2));
  // A tenth took 2 s, and eight tenths are left.
  expect(shown.at(-1)).toBe("2021Q1  2021-01-05  20%  equity 10,000.00  3 trades  1 ticks/s  16s left");
});

test("the counts of questions fit 80 columns, and change with every answer", () => {
  const { shown, progress } = watched();
  progress.update(at(0.1));
  progress.questions({
    asked: 12_345,
    cached: 678,
    failed: 9,
    missing: 0,
    unanswered: 0,
    costUsd: 0.1234,
    costNowUsd: 0.1234,
  });
  expect(shown.at(-1)?.slice(0, 79)).toContain("asked 12,345, cached 678, failed 9, cost $0.1234");
  expect(shown.at(-1)).toContain("2021Q1  equity 10,000.00  3 trades");
  progress.questions({ asked: 0, cached: 287, failed: 0, missing: 0, unanswered: 0, costUsd: 0.1449, costNowUsd: 0 });
  expect(shown.at(-1)).toContain("asked 0, cached 287, failed 0, cost $0.0000 now, $0.1449 in all");
  progress.questions({ asked: 1, cached: 2, failed: 3, missing: 0, unanswered: 0, costUsd: null, costNowUsd: null });
  expect(shown.at(-1)).toContain("asked 1, cached 2, failed 3  2021Q1");
});

test("the time left ignores the speed of recorded answers once a model is asked", () => {
  const { shown, clock, progress } = watched();
  const none = { asked: 0, cached: 0, failed: 0, missing: 0, unanswered: 0, costUsd: 0, costNowUsd: 0 };
  progress.update(at(0));
  clock.ms += 10;
  progress.questions({ ...none, cached: 50 });
  progress.update(at(0.5));
  expect(shown.at(-1)).toContain("0s left");
  clock.ms += 5000;
  progress.questions({ ...none, cached: 50, asked: 1 });
  expect(shown.at(-1)).toContain("- left");
  progress.update(at(0.6));
  clock.ms += 5000;
  progress.questions({ ...none, cached: 50, asked: 2 });
  progress.update(at(0.7));
  // A tenth took 5 s, and three tenths are left.
  expect(shown.at(-1)).toContain("15s left");
});

test("a wait for a server stands in place of the figures until an answer comes", () => {
  const { shown, progress } = watched();
  progress.update(at(0.1));
  const untilMs = new Date(2026, 0, 1, 14, 3, 20).getTime();
  progress.waiting({ provider: "llama", untilMs, reason: "status 502 from the server" });
  expect(shown.at(-1)).toBe('"llama" waits until 14:03:20  status 502 from the server');
  progress.questions({ asked: 1, cached: 0, failed: 0, missing: 0, unanswered: 0, costUsd: null, costNowUsd: null });
  expect(shown.at(-1)).toContain("asked 1, cached 0, failed 0");
});

test("without a progress line, the first long wait of each provider is worth a line", () => {
  const isFirst = firstLongWaits({ hasProgressLine: false, now: () => 0 });
  const wait = (provider: string, untilMs: number): boolean => isFirst({ provider, untilMs });
  expect([wait("a", 9999), wait("a", 10_000), wait("a", 60_000), wait("b", 10_000)]).toEqual([
    false,
    true,
    false,
    true,
  ]);
  expect(firstLongWaits({ hasProgressLine: true, now: () => 0 })({ provider: "a", untilMs: 60_000 })).toBeFalse();
});
