/** Shares of a sweep, for machines that know only their own number. */
import { fail } from "../errors.ts";
import type { Cell } from "./plan.ts";

/** One of `of` shares, `index` from 0. */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

const MAX_SHARDS = 1_000_000;

/** The cells of a shard: every `of`th, so that slow neighbours are spread. */
export function cellsOfShard(cells: readonly Cell[], { index, of }: Shard): readonly Cell[] {
  return cells.filter((_, i) => i % of === index);
}

/**
 * Finds the shard to work on.
 *
 * @param flags `shard`: such as `3/16`, counted from 1; `shards`: how many there are, if the environment says which one this is.
 * @param env `SLURM_ARRAY_TASK_ID`, with `SLURM_ARRAY_TASK_COUNT`, `_MIN` and `_STEP`; or `JOB_COMPLETION_INDEX` of an indexed job of
 *   Kubernetes.
 * @returns The whole sweep if neither says anything.
 * @throws {CarryoverError} `BAD_USAGE`.
 */
export function shardOf(
  flags: { readonly shard?: string | undefined; readonly shards?: number | undefined },
  env: Readonly<Record<string, string | undefined>>,
): Shard {
  if (flags.shard !== undefined) {
    const [, number, of] = (/^(\d{1,7})\/(\d{1,7})$/.exec(flags.shard) ?? []).map(Number);
    if (number !== undefined && of !== undefined && number >= 1 && number <= of) return { index: number - 1, of };
    throw fail("BAD_USAGE", "Cannot use --shard", {
      found: JSON.stringify(flags.shard),
      expected: "a share such as 3/16",
    });
  }
  const [name, number] = (["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"] as const)
    .map((each) => [each, countIn(env, each)] as const)
    .find(([, value]) => value !== undefined) ?? [undefined, undefined];
  if (name === undefined || number === undefined) {
    if (flags.shards === undefined) return { index: 0, of: 1 };
    const expected = "SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX in the environment, or --shard K/N";
    throw fail("BAD_USAGE", "Cannot use --shards", { found: "nothing that says which shard this is", expected });
  }
  const isSlurm = name === "SLURM_ARRAY_TASK_ID";
  const of = flags.shards ?? (isSlurm ? countIn(env, "SLURM_ARRAY_TASK_COUNT") : undefined);
  if (of === undefined || of < 1 || of > MAX_SHARDS) {
    throw fail("BAD_USAGE", `Cannot work on the shard ${number} of ${name}`, {
      found: of === undefined ? "no number of shards" : `${of} shards`,
      expected: "--shards N",
    });
  }
  const [min, step] = isSlurm
    ? [countIn(env, "SLURM_ARRAY_TASK_MIN") ?? 0, countIn(env, "SLURM_ARRAY_TASK_STEP") ?? 1]
    : [0, 1];
  // Of an array from 1 to N whose start is not known, the last is the first shard.
  return { index: Math.max(0, Math.floor((number - min) / step)) % of, of };
}

function countIn(env: Readonly<Record<string, string | undefined>>, name: string): number | undefined {
  const text = env[name];
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
