import type { DamagedFile } from "../storage/damaged-file.ts";

/**
 * How a finding is healed. `start`: the next command that writes rebuilds the file, and so does a repair. `rebuild`: a repair
 * rebuilds it. `run`: the same run makes it again. `quarantine`: a repair moves it to `quarantine/`. `quarantine, run`: a repair
 * moves it, then the same run makes it again. `person`: only a person can decide.
 */
export type Remedy = "start" | "rebuild" | "run" | "quarantine" | "quarantine, run" | "person";

/** The run that made a file. */
export interface RunOfFile {
  readonly id: string;
  /** `<start>/<end>`, the end exclusive; `undefined` if none of its files says so. */
  readonly period: string | undefined;
  /** Such as `quarter`, if its summary says so. */
  readonly chunks: string | undefined;
  /** Whether it is a session of serve, which no command makes again; `undefined` if its key cannot be read. */
  readonly isSession: boolean | undefined;
  /** False if the run was pruned or removed. */
  readonly isStored: boolean;
}

/** A file that is not as it should be. Its name is relative to the memory folder. */
export interface Finding extends DamagedFile {
  /** False for a stale or missing cache: a crash leaves such files, and nothing is lost. */
  readonly damaged: boolean;
  readonly remedy: Remedy;
  /** Of a file that its run can make again, as far as it is known. */
  readonly run?: RunOfFile | undefined;
}

/** The flags of `run-chunks` that name a run's period and chunks; `undefined` unless they are known, and the run is no session. */
export function flagsOfRun(run: RunOfFile | undefined): string | undefined {
  const [start, end] = run?.period?.split("/") ?? [];
  if (run?.isSession !== false || !start || !end) return undefined;
  return `--start ${start} --end ${end}${run.chunks === undefined ? "" : ` --chunks ${run.chunks}`}`;
}

export function damagedFindings(files: readonly DamagedFile[], remedy: Remedy): readonly Finding[] {
  return files.map(({ name, problem }) => ({ name, damaged: true, problem, remedy }));
}

/** When the run-chunks command of a run makes that run again: anything else that goes into it, such as other outcomes carried in, makes it another. */
export const SAME_RUN = "with the same bars, strategy and version, if no earlier day was run or changed since";
