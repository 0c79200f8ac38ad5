/**
 * How long a chunk takes to start: opening a memory of 1,000 outcomes, 1,000 vectors x 384 and 100 snapshots for writing.
 *
 *     bun bench/startup.ts
 */
import { join } from "node:path";
import { embedderOf } from "./support/embedders.ts";
import {
  asMs,
  median,
  renderReport,
  runProcess,
  takeTurns,
  versus,
  temporaryFolder,
  type BenchReport,
} from "./support/measure.ts";
import { makeMemory } from "./support/memory-folders.ts";
import { openInProcess, type Opening } from "./support/open-in-process.ts";
import { missingFor, python, SEED_BASELINE } from "./support/python.ts";

/** What the baseline prints about a start, in milliseconds. */
interface BaselineStart {
  readonly imports: number;
  readonly total_without_imports: number;
  readonly total: number;
}

export async function startup(options: { rounds?: number; outcomes?: number } = {}): Promise<BenchReport> {
  const { rounds = 21, outcomes = 1000 } = options;
  using folder = temporaryFolder();
  const work = folder.path;
  const ours = join(work, "ours");
  const theirs = join(work, "theirs");
  await makeMemory(ours, { outcomes, snapshots: 100, embedder: embedderOf(384) });
  const missing = missingFor(["numpy", "scikit-learn"], SEED_BASELINE);
  const size = ["--outcomes", String(outcomes), "--vectors", String(outcomes)];
  if (missing === undefined) runProcess([python(), SEED_BASELINE, "make", theirs, ...size]);

  const openings: Opening[] = [];
  const withSnapshots: Opening[] = [];
  const baseline: BaselineStart[] = [];
  const times = await takeTurns(
    {
      ours: () => {
        const opening = openInProcess(ours, { dim: 384 });
        if (opening.vectors !== outcomes || opening.outcomes_read > 0) throw new Error("This is not a warm start");
        openings.push(opening);
        return opening.process;
      },
      peer: () => {
        if (missing !== undefined) return 0;
        const { ms, stdout } = runProcess([python(), SEED_BASELINE, "load", theirs]);
        baseline.push(JSON.parse(stdout) as BaselineStart);
        return ms;
      },
      snapshots: () => {
        const opening = openInProcess(ours, { dim: 384, snapshots: true });
        withSnapshots.push(opening);
        return opening.process;
      },
      bare: () => runProcess([process.execPath, "--eval", "0"]).ms,
    },
    { rounds },
  );
  // The first round is not counted.
  const counted = openings.slice(1);
  const peer = <T>(values: readonly T[]): readonly T[] | undefined => (missing === undefined ? values : undefined);
  const base = peer(baseline.slice(1));
  const inProcess = { atMost: 1 / 3, goal: "at most 0.33", missing };
  const asProcess = { atMost: 1 / 8, goal: "at most 0.125", missing };
  const partOf = (key: "open" | "imports" | "listing"): number => median(counted.map((opening) => opening[key]));
  return {
    title: "Start-up of a chunk",
    notes: [
      `A memory of ${outcomes} outcomes, ${outcomes} vectors x 384 and 100 snapshots, opened in a fresh process; medians of ${rounds}, in turns.`,
      "Ours does what a run does: it takes the lock, lists the folder, checks every vector and updates the caches. " +
        "The peer reads outcomes, vectors and snapshots. In process means without imports, on both sides (the peer's total_without_imports).",
      "Our start needs no snapshots. One row reads and parses all 100 anyway, as the peer does.",
    ],
    rows: [
      versus(
        "in process",
        { ours: counted.map((o) => o.without_imports), peer: base?.map((b) => b.total_without_imports) },
        inProcess,
      ),
      versus(
        "in process, snapshots read as well",
        {
          ours: withSnapshots.slice(1).map((o) => o.without_imports),
          peer: base?.map((b) => b.total_without_imports),
        },
        inProcess,
      ),
      { what: "of ours: listing the folder", ours: asMs(partOf("listing")) },
      {
        what: "imports",
        ours: asMs(partOf("imports")),
        ...(base === undefined ? {} : { peer: asMs(median(base.map((b) => b.imports))) }),
      },
      versus("whole process", { ours: times.ours, peer: peer(times.peer) }, asProcess),
      versus("whole process, snapshots read as well", { ours: times.snapshots, peer: peer(times.peer) }, asProcess),
      { what: "of ours: Bun itself, with an empty script", ours: asMs(median(times.bare)) },
    ],
  };
}

if (import.meta.main) console.log(renderReport(await startup()));
