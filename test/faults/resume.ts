/** Row 22: a year that is killed again and again ends in the bytes of one that never was. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROJECT_DIR, seeded } from "../samples.ts";
import type { Fault } from "./fault.ts";

const KILLS = 100;
const MONTHS = 12;
const FIRST_QUARTER_END = "2021-04-01";

/** Runs the year with run-chunks on synthetic bars, in chunks of a month. */
function startYear(folder: string): Bun.Subprocess<"ignore", "ignore", "pipe"> {
  const flags = ["--synthetic", "--year", "2021", "--chunks", "month", "--memory-dir", folder, "--json"];
  return Bun.spawn([process.execPath, join(PROJECT_DIR, "scripts/run-chunks.ts"), ...flags], {
    // The default configuration, whatever is in the project's folder.
    cwd: folder,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
}

/** Runs a year to its end. Returns milliseconds. */
async function runYear(folder: string): Promise<number> {
  const startedMs = performance.now();
  const child = startYear(folder);
  const [stderr, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (code !== 0) throw new Error(`the run ended with ${code}: ${stderr}`);
  return performance.now() - startedMs;
}

/** Every file except the lock, with a hash of its bytes. */
function filesOf(memoryDir: string): Map<string, string> {
  const folder = join(memoryDir, "synthetic");
  if (!existsSync(folder)) return new Map();
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => !name.startsWith(".lock") && statSync(join(folder, name)).isFile())
    .toSorted();
  return new Map(
    names.map((name) => [
      name,
      createHash("sha256")
        .update(readFileSync(join(folder, name)))
        .digest("hex"),
    ]),
  );
}

/** Whether a file belongs to the first quarter, and may not change once that is finished. */
function isOfFirstQuarter(name: string, text: () => string): boolean {
  if (name.startsWith("outcome_")) return JSON.parse(text()).exit_timestamp < FIRST_QUARTER_END;
  if (name.startsWith("snapshot_")) return name <= "snapshot_20210401";
  return /^runs\/[^/]+\/2021-0[123]\./.test(name);
}

function differingFiles(found: ReadonlyMap<string, string>, expected: ReadonlyMap<string, string>): readonly string[] {
  const names = new Set([...found.keys(), ...expected.keys()]);
  return [...names].filter((name) => found.get(name) !== expected.get(name));
}

async function inject(): ReturnType<Fault["inject"]> {
  const root = mkdtempSync(join(tmpdir(), "carryover-killed-year-"));
  const folderOf = (name: string): string => {
    mkdirSync(join(root, name));
    return join(root, name);
  };
  try {
    const whole = folderOf("whole");
    const wholeMs = await runYear(whole);
    const startMs = await runYear(whole);
    const expected = filesOf(whole);
    const first = new Map(
      [...expected].filter(([name]) =>
        isOfFirstQuarter(name, () => readFileSync(join(whole, "synthetic", name), "utf8")),
      ),
    );
    if (first.size < 12) throw new Error(`the first quarter has only ${first.size} files`);
    const monthMs = Math.max(1, (wholeMs - startMs) / MONTHS);

    const random = seeded(Number(process.env["CARRYOVER_SEED"] ?? 1));
    let kills = 0;
    let years = 0;
    let most = 0;
    let folder = folderOf("killed-0");
    for (let lives = 0; kills < KILLS;) {
      const child = startYear(folder);
      const stderr = new Response(child.stderr).text();
      // From before the first write to about two months later. The next start goes on from there.
      const timer = setTimeout(() => child.kill("SIGKILL"), startMs / 3 + random() * (startMs + 1.5 * monthMs));
      await child.exited;
      clearTimeout(timer);
      if (child.signalCode === "SIGKILL") {
        kills += 1;
        lives += 1;
        // Once March is committed, the quarter no longer changes.
        const found = filesOf(folder);
        if ([...found.keys()].some((name) => /^runs\/[^/]+\/2021-03\.json$/.test(name))) {
          const wrong = [...first].filter(([name, hash]) => found.get(name) !== hash).map(([name]) => name);
          if (wrong.length > 0) throw new Error(`after kill ${kills} the first quarter differs in ${wrong.join(", ")}`);
        }
        if (kills < KILLS) continue;
        await runYear(folder);
      } else if (child.exitCode !== 0) {
        throw new Error(`a start after ${lives} kills ended with ${child.exitCode}: ${await stderr}`);
      }
      const wrong = differingFiles(filesOf(folder), expected);
      if (wrong.length > 0) throw new Error(`after ${lives} kills of one year these files differ: ${wrong.join(", ")}`);
      years += 1;
      most = Math.max(most, lives);
      lives = 0;
      folder = folderOf(`killed-${years}`);
    }
    return {
      injected: kills,
      found: `${years === 1 ? "one year" : `${years} years, one of them`} killed ${most} times: all ${expected.size} files equal those of a year never killed; none of the ${first.size} files of the first quarter changed again`,
    };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

export const resume: readonly Fault[] = [
  {
    rows: [22],
    name: "a year killed a hundred times at random moments",
    how: "kill -9 of `run-chunks`, at random",
    missing: () => (process.platform === "win32" ? "kill -9" : undefined),
    inject,
  },
];
