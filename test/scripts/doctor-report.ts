import { expect } from "bun:test";
import type { HealthCheck } from "../../lib/maintenance/health.ts";

export interface DoctorReport {
  readonly code: number;
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, HealthCheck>>;
  readonly names: readonly string[];
}

/** What `doctor --json` says, by the names of its checks. */
export function reportOf(ended: { code: number; stdout: string; stderr: string }): DoctorReport {
  const { code, stdout, stderr } = ended;
  const report = reportIn(stdout);
  const bad = Object.values(report.checks).filter(({ state }) => state === "missing" || state === "damaged");
  // Who logs stdout and is told of stderr alone learns why, too.
  expect(stderr).toBe(bad.length === 0 ? "" : `warning: Not ready to run: ${bad.map(({ name }) => name).join(", ")}\n`);
  return { code, ...report };
}

export function reportIn(stdout: string): Omit<DoctorReport, "code"> {
  const { ready, checks } = JSON.parse(stdout) as { ready: boolean; checks: HealthCheck[] };
  const byName = Object.fromEntries(checks.map((check) => [check.name, check]));
  return { ready, checks: byName, names: checks.map(({ name }) => name) };
}
