/** Two of the cases of test/recompute: test/slow/recompute.ts has all. */
import { describe, setDefaultTimeout, test } from "bun:test";
import { expectRecomputed, HAS_PYTHON, OFF_GRID_CASES, ROUGH_CASES, useFolder } from "../recompute/recompute.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);
useFolder();

describe.skipIf(!HAS_PYTHON)(
  `recomputed by a program that knows only docs/RULES.md${HAS_PYTHON ? "" : " (skipped: no python3)"}`,
  () => {
    test.concurrent.each(ROUGH_CASES.slice(0, 1))("$name", (run) => expectRecomputed(run, { minTrades: 21 }));
    test.concurrent.each(OFF_GRID_CASES.slice(1, 2))("$name", (run) => expectRecomputed(run, { minTrades: 4 }));
  },
);
