/** A sweep whose processes are killed at random, and one whose disk is full. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missingForMount, mountAt, run, unmountAt } from "../faults/disk.ts";
import { PROJECT_DIR, seeded } from "../samples.ts";
import { runScript } from "../scripts/run-script.ts";
import { resultBytes, writeSweep } from "../sweep/sweep-samples.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { IS_SAMPLE } from "./support/sample.ts";

setDefaultTimeout(600_000);

const CELLS = 60;
const KILLS = IS_SAMPLE ? 8 : 20;
const SWEEP = `sample: { cells: ${CELLS}, from: { portfolio_memory.learning_rate: { min: 0.01, max: 1 }, backtest.seed: [1, 2, 3] } }\n`;

const base = temporaryFolder("sweep-faults");
const random = seeded(Date.now());
let file = "";
let whole = "";

beforeAll(async () => {
  ({ file } = writeSweep(base, SWEEP));
  const out = join(base, "undisturbed");
  expect((await runScript("sweep.ts", ["run", file, "--out", out, "--keep", "summary"])).code).toBe(0);
  whole = resultBytes(out);
});

/** The processes that a process has started. */
function childrenOf(pid: number): number[] {
  const list = `/proc/${pid}/task/${pid}/children`;
  if (!existsSync(list)) return [];
  return readFileSync(list, "utf8").trim().split(" ").filter(Boolean).map(Number);
}

test.skipIf(!existsSync("/proc/self/task"))(
  `${KILLS} kills of workers and of the sweep itself lose no cell, and make none twice`,
  async () => {
    const out = join(base, "killed");
    const script = join(PROJECT_DIR, "scripts", "sweep.ts");
    let [workers, sweeps] = [0, 0];
    for (;;) {
      const child = Bun.spawn([process.execPath, script, "run", file, "--out", out, "--jobs", "2"], {
        stdout: "ignore",
        stderr: "ignore",
      });
      const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
      while (!hasEnded()) {
        await Bun.sleep(100 + 300 * random());
        if (hasEnded() || workers + sweeps >= KILLS) continue;
        const own = childrenOf(child.pid);
        // A sweep needs a moment before it has workers.
        if (own.length === 0) continue;
        const victim = random() < 0.3 ? child.pid : own[Math.floor(random() * own.length)]!;
        try {
          process.kill(victim, "SIGKILL");
        } catch {
          continue;
        }
        if (victim === child.pid) sweeps += 1;
        else workers += 1;
      }
      if ((await child.exited) === 0) break;
      expect(child.signalCode).toBe("SIGKILL");
    }
    console.log(`killed ${workers} workers and ${sweeps} sweeps`);
    expect(workers + sweeps).toBe(KILLS);
    expect(resultBytes(out)).toBe(whole);
    const names = readdirSync(out);
    expect(names.filter((name) => /^cell_\d+\.json$/.test(name))).toHaveLength(CELLS + 1);
    expect(names.filter((name) => name.startsWith("failed_"))).toEqual([]);
    for (const cell of [0, 1, CELLS]) {
      const memoryDir = join(out, "cells", String(cell), "synthetic");
      expect((await runScript("memory-stats.ts", ["--memory-dir", memoryDir, "--check"])).code).toBe(0);
    }
  },
);

const missing = missingForMount("tmpfs");
const mount = mkdtempSync(join(tmpdir(), "carryover-sweep-disk-"));
afterAll(() => unmountAt(mount));

test.skipIf(missing !== undefined)(
  "a full disk stops the sweep, and the same command goes on when there is more",
  async () => {
    await mountAt(mount, ["-t", "tmpfs", "-o", "size=1m,nr_inodes=4000", "none"]);
    const out = join(mount, "out");
    const args = ["run", file, "--out", out, "--jobs", "2"];
    const full = await runScript("sweep.ts", args);
    expect(full.code).toBe(1);
    expect(full.stderr).toContain("expected free space and inodes on the disk");
    expect(full.stderr).not.toContain("bug in Carryover");
    expect(readdirSync(out)).not.toContain("result.json");
    await run(["mount", "-o", "remount,size=64m,nr_inodes=40000", mount]);
    const more = await runScript("sweep.ts", args);
    expect([more.code, more.stderr.includes("failed")]).toEqual([0, false]);
    expect(resultBytes(out)).toBe(whole);
  },
);
