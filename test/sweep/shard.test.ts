import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { cellsOfShard, shardOf } from "../../lib/sweep/shard.ts";
import { failureOf } from "../storage/storage-contract.ts";

test("shards share all cells, each cell once, as evenly as can be", () => {
  fc.assert(
    fc.property(fc.nat(50), fc.integer({ min: 1, max: 60 }), (count, of) => {
      const cells = Array.from({ length: count }, (_, cell) => ({ cell, set: {} }));
      const shards = Array.from({ length: of }, (_, index) => cellsOfShard(cells, { index, of }));
      expect(shards.flat().toSorted((a, b) => a.cell - b.cell)).toEqual(cells);
      const sizes = shards.map(({ length }) => length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }),
  );
});

describe("shardOf()", () => {
  const slurm = (id: number, min: number, rest: { count: number; step?: number }): Record<string, string> => ({
    SLURM_ARRAY_TASK_ID: `${id}`,
    SLURM_ARRAY_TASK_MIN: `${min}`,
    SLURM_ARRAY_TASK_COUNT: `${rest.count}`,
    ...(rest.step === undefined ? {} : { SLURM_ARRAY_TASK_STEP: `${rest.step}` }),
  });

  test.each([
    [{ shard: "3/16" }, {}, { index: 2, of: 16 }],
    [{}, {}, { index: 0, of: 1 }],
    // --array=1-16, 0-15 and 10-40:10
    [{}, slurm(16, 1, { count: 16 }), { index: 15, of: 16 }],
    [{}, slurm(0, 0, { count: 16 }), { index: 0, of: 16 }],
    [{}, slurm(40, 10, { count: 4, step: 10 }), { index: 3, of: 4 }],
    [{ shards: 8 }, { JOB_COMPLETION_INDEX: "7" }, { index: 7, of: 8 }],
    // The flag is stronger than the environment.
    [{ shard: "1/2" }, slurm(3, 1, { count: 16 }), { index: 0, of: 2 }],
  ])("%j with %j is %j", (flags, env, shard) => expect(shardOf(flags, env)).toEqual(shard));

  test("gives the tasks of an array whose start is not known all shards", () => {
    for (const first of [0, 1]) {
      const indices = [0, 1, 2, 3].map((i) => shardOf({ shards: 4 }, { SLURM_ARRAY_TASK_ID: `${first + i}` }).index);
      expect(indices.toSorted()).toEqual([0, 1, 2, 3]);
    }
  });

  test.each([
    [{ shard: "0/2" }, {}, 'Cannot use --shard: found "0/2", expected a share such as 3/16'],
    [{ shard: "3/2" }, {}, 'found "3/2"'],
    [{ shard: "3" }, {}, 'found "3"'],
    [{ shards: 4 }, {}, "Cannot use --shards: found nothing that says which shard this is"],
    [
      {},
      { JOB_COMPLETION_INDEX: "7" },
      "Cannot work on the shard 7 of JOB_COMPLETION_INDEX: found no number of shards",
    ],
  ])("refuses %j with %j", async (flags, env, wanted) => {
    const { code, message } = await failureOf((async () => shardOf(flags, env))());
    expect(code).toBe("BAD_USAGE");
    expect(message).toContain(wanted);
  });
});
