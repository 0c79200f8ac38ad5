/** A provider that computes for 2 ms before it votes. */
import type { Answer } from "../../lib/mod.ts";

const MS = 2;

export function vote(): Answer {
  const end = performance.now() + MS;
  while (performance.now() < end);
  return { action: "HOLD", confidence: 50 };
}
