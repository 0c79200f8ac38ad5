/** Merges memory folders. The result depends on what is in them, not on their order or on how they are grouped. */
import { RUNS_FOLDER } from "../backtest/run-files.ts";
import type { Embedder } from "../embed/embedder.ts";
import { CarryoverError, fail } from "../errors.ts";
import { isForgetFile } from "../memory/forget.ts";
import { idOfOutcomeFile } from "../memory/outcome.ts";
import { openMemory, type OpenMemoryOptions } from "../memory/store.ts";
import { isSnapshotFile, readSnapshot } from "../results/snapshot.ts";
import { readLabels, writeLabels } from "../runs/labels.ts";
import type { Storage } from "../storage/storage.ts";
import { areEqual } from "../util/bytes.ts";
import { checkOnce, type CheckOptions } from "./check.ts";

/** Decisions of a chunk of many years. */
const MAX_BYTES = 1 << 30;

/** Files that are copied at the same time, which then become durable together. */
const AT_ONCE = 64;

/** Conflicts that a message lists; the others are counted. */
const MAX_SHOWN = 20;

const COMPARISONS_FOLDER = "comparisons";

/** What became of a merge. */
export interface MergeResult {
  readonly outcomes: number;
  readonly forget_marks: number;
  readonly snapshots: number;
  readonly runs: number;
  /** Files that several folders had, and that are there once. */
  readonly shared_files: number;
}

/** A file of the merged folder, and where its bytes are. */
interface Source {
  readonly storage: Storage;
  /** In that storage: a snapshot may get another name. */
  readonly name: string;
}

/**
 * Merges what memory folders have into an empty one: outcomes, forget marks, snapshots, runs with their labels, and comparisons.
 * The caches are made from them. Other files, and `quarantine/`, are left out.
 *
 * @throws {CarryoverError} `CORRUPT` for a folder with damage; `CONFLICT`, with a line for each name that stands for different
 * content in two folders.
 */
export async function mergeMemories(
  sources: readonly Storage[],
  target: Storage,
  options: { embedder: Embedder } & Pick<OpenMemoryOptions, "onEmbedded" | "onNote" | "signal">,
): Promise<MergeResult> {
  const merge = new Merge();
  for (const storage of sources) {
    options.signal?.throwIfAborted();
    const foreign = await assertSound(storage, options);
    for (const name of foreign) options.onNote?.(`Left out "${storage.label}/${name}": it is no outcome`);
    await merge.take(storage, { foreign });
  }
  merge.assertNoConflicts();
  const files = [...merge.files()];
  for (let i = 0; i < files.length; i += AT_ONCE) {
    options.signal?.throwIfAborted();
    await Promise.all(
      files.slice(i, i + AT_ONCE).map(async ([name, source]) => target.createOnce(name, await bytesOf(source))),
    );
  }
  if (merge.labels.size > 0) await writeLabels(target, merge.labels);
  const memory = await openMemory(target, options);
  const count = (isCounted: (name: string) => boolean): number => files.filter(([name]) => isCounted(name)).length;
  return {
    outcomes: memory.trades.length,
    forget_marks: memory.marks.length,
    snapshots: count(isSnapshotFile),
    runs: count((name) => name.endsWith("/manifest.json")),
    shared_files: merge.shared,
  };
}

/** @returns Files with names like those of outcomes that are none. @throws {CarryoverError} `CORRUPT` */
async function assertSound(storage: Storage, options: CheckOptions): Promise<readonly string[]> {
  const { findings, left_alone: foreign } = await checkOnce(storage, options);
  // The caches are made again anyway.
  const damage = findings.filter(({ damaged, remedy }) => damaged && remedy !== "start" && remedy !== "rebuild");
  if (damage.length === 0) return foreign;
  const more = damage.length === 1 ? "" : ` and ${damage.length - 1} more`;
  throw fail("CORRUPT", `Cannot merge "${storage.label}"`, {
    found: `damage (${damage[0]!.problem}${more})`,
    expected: "none: memory-stats --check names it, and --repair moves it to quarantine",
  });
}

/** Collects the files of memory folders, and what contradicts. */
class Merge {
  readonly labels = new Map<string, string>();
  shared = 0;
  readonly #files = new Map<string, Source>();
  readonly #lowerCaseNames = new Map<string, string>();
  /** By time, then by run; a snapshot that does not say its run stays under its own name. */
  readonly #snapshots = new Map<string, Map<string, Source>>();
  readonly #conflicts: string[] = [];

  async take(storage: Storage, { foreign }: { foreign: readonly string[] }): Promise<void> {
    for (const { name } of (await storage.list()).files) {
      if (isSnapshotFile(name)) await this.#takeSnapshot({ storage, name });
      else if (isForgetFile(name) || (idOfOutcomeFile(name) !== undefined && !foreign.includes(name))) {
        await this.#take(name, { storage, name });
      }
    }
    const runs = (await storage.list(RUNS_FOLDER)).folders.map((id) => `${RUNS_FOLDER}/${id}`);
    for (const folder of [...runs, COMPARISONS_FOLDER]) {
      for (const { name } of (await storage.list(folder)).files) {
        await this.#take(`${folder}/${name}`, { storage, name: `${folder}/${name}` });
      }
    }
    for (const [runId, label] of await readLabels(storage)) this.#takeLabel(runId, label);
  }

  assertNoConflicts(): void {
    const { length } = this.#conflicts;
    if (length === 0) return;
    const more = length > MAX_SHOWN ? [`Cannot merge: ${length - MAX_SHOWN} more conflicts`] : [];
    throw new CarryoverError("CONFLICT", [...this.#conflicts.slice(0, MAX_SHOWN), ...more].join("\n"));
  }

  /** The names of the merged folder. Of the runs with a snapshot at one time, the first gets the name without its id. */
  *files(): Generator<[name: string, Source]> {
    yield* this.#files;
    for (const [plain, byRun] of this.#snapshots) {
      const runs = [...byRun].toSorted(([a], [b]) => (a < b ? -1 : 1));
      const isTaken = this.#files.has(plain);
      for (const [i, [runId, source]] of runs.entries()) {
        yield [i === 0 && !isTaken ? plain : plain.replace(".json", `_${runId.slice(0, 8)}.json`), source];
      }
    }
  }

  async #take(name: string, source: Source): Promise<void> {
    const known = this.#files.get(name);
    if (known === undefined) {
      const lowerCase = name.toLowerCase();
      const other = this.#lowerCaseNames.get(lowerCase);
      if (other !== undefined) {
        this.#conflict(
          `${shown(source)}: found ${shown(this.#files.get(other)!)}, expected names that differ by more than case`,
        );
      }
      this.#lowerCaseNames.set(lowerCase, name);
      this.#files.set(name, source);
    } else await this.#compare(known, source);
  }

  async #takeSnapshot(source: Source): Promise<void> {
    const { run_id: runId } = (await readSnapshot(source.storage, source.name))?.fields ?? {};
    if (typeof runId !== "string" || runId === "") return this.#take(source.name, source);
    const plain = source.name.replace(/_[0-9a-f]{8}\.json$/, ".json");
    const byRun = this.#snapshots.get(plain) ?? new Map<string, Source>();
    this.#snapshots.set(plain, byRun);
    const known = byRun.get(runId);
    if (known === undefined) byRun.set(runId, source);
    else await this.#compare(known, source);
  }

  async #compare(known: Source, source: Source): Promise<void> {
    const [a, b] = [await bytesOf(known), await bytesOf(source)];
    if (areEqual(a, b)) this.shared += 1;
    else this.#conflict(`${shown(source)}: found other content than in ${shown(known)}, expected the same`);
  }

  #takeLabel(runId: string, label: string): void {
    const [name, run] = [JSON.stringify(label), runId.slice(0, 12)];
    const [other] = [...this.labels].find(([id, each]) => each === label && id !== runId) ?? [];
    const known = this.labels.get(runId);
    if (other !== undefined) {
      this.#conflict(`the label ${name}: found the runs ${other.slice(0, 12)} and ${run} with it, expected one`);
    } else if (known !== undefined && known !== label) {
      this.#conflict(`run ${run}: found the labels ${JSON.stringify(known)} and ${name}, expected one`);
    } else this.labels.set(runId, label);
  }

  #conflict(what: string): void {
    this.#conflicts.push(`Cannot merge ${what}`);
  }
}

function shown({ storage, name }: Source): string {
  return JSON.stringify(`${storage.label}/${name}`);
}

async function bytesOf({ storage, name }: Source): Promise<Uint8Array> {
  const bytes = await storage.read(name, { maxBytes: MAX_BYTES });
  if (bytes !== undefined) return bytes;
  throw fail("NOT_FOUND", `Cannot merge "${storage.label}/${name}"`, {
    found: "no such file",
    expected: "the one that was listed",
  });
}
