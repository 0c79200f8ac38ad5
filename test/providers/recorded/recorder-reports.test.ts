import { expect, test } from "bun:test";
import { FailureReasons } from "../../../lib/providers/recorded/recorder-reports.ts";

test("reasons that differ in their numbers alone are one, named by its first case", () => {
  const reasons = new FailureReasons();
  expect(reasons.counts()).toEqual({ failed: 0 });
  reasons.add("timed out after 30 s");
  for (const found of ["102", "250", "101.5"]) reasons.add(`found ${found}, expected a confidence from 0 to 100`);
  expect(reasons.counts()).toEqual({
    failed: 4,
    commonestFailure: { reason: "found 102, expected a confidence from 0 to 100", times: 3 },
  });
});
