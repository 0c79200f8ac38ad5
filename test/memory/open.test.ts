import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { backtest } from "../../lib/job/backtest.ts";
import { syntheticBars } from "../../lib/market/synthetic.ts";
import type { Progress } from "../../lib/backtest/job.ts";
import { maintainMemory, openMemoryFolder } from "../../lib/memory/open.node.ts";
import { openToRead } from "../../lib/memory/open-to-read.node.ts";
import { trend } from "../../lib/providers/rules.ts";
import { writeMemory } from "../scripts/run-script.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { makeOutcomes } from "./outcome-samples.ts";

const base = temporaryFolder("open");

const maintain = (dir: string, dryRun = false): Promise<boolean> =>
  maintainMemory(
    { dir, embedder: "hashing", model_dir: "", answers_dir: "" },
    { name: "repair", dryRun },
    async (storage, embedder) => {
      expect(storage.label).toBe(dir);
      expect(embedder?.id).toBe(dryRun ? undefined : "hashing");
      return existsSync(join(dir, ".lock.json"));
    },
  );

test("reading needs a folder, but no memory in it; a folder of something else is refused", async () => {
  mkdirSync(join(base, "empty"));
  writeFileSync(join(base, "file"), "");
  const empty = await openToRead(join(base, "empty"));
  expect(await empty.list()).toEqual({ files: [], folders: [] });
  await expect(openToRead(join(base, "missing"))).rejects.toThrow("found nothing there, expected a folder");
  await expect(openToRead(join(base, "file"))).rejects.toThrow("found a file, expected a folder");
  await expect(openToRead(base)).rejects.toThrow(
    `Cannot use "${base}" as a memory folder: found "file", "empty/", and nothing of a memory, expected an empty folder`,
  );
});

test("maintenance holds the lock meanwhile, a dry run takes none", async () => {
  const dir = join(base, "memory");
  await writeMemory(dir, makeOutcomes(1));
  expect(await maintain(dir)).toBe(true);
  expect(existsSync(join(dir, ".lock.json"))).toBe(false);
  expect(await maintain(dir, true)).toBe(false);
});

test("maintenance refuses a folder without a memory and leaves it alone", async () => {
  for (const dir of [join(base, "empty"), join(base, "missing")]) {
    await expect(maintain(dir)).rejects.toThrow(`Cannot repair: found no memory in "${dir}"`);
    await expect(maintain(dir, true)).rejects.toThrow(`Cannot repair: found no memory in "${dir}"`);
  }
  expect(readdirSync(join(base, "empty"))).toEqual([]);
  expect(existsSync(join(base, "missing"))).toBe(false);
});

const CLOSED =
  "Cannot write to this memory: found it closed, expected an open one: await what writes to it, such as backtest(), before close()";

test("a memory that is closed keeps what was begun before, and refuses all writes after it", async () => {
  const { memory, close } = await openMemoryFolder(join(base, "closed"));
  const [first, second] = makeOutcomes(2);
  const begun = memory.record(first!);
  await close();
  await close();
  expect(existsSync(join(base, "closed", `outcome_${(await begun).id}.json`))).toBe(true);
  await expect(memory.record(second!)).rejects.toThrow(CLOSED);
  await expect(memory.flush()).rejects.toThrow(CLOSED);
  await expect(memory.discard([first!.decision_id])).rejects.toThrow(CLOSED);
  expect(() => memory.assertOpen()).toThrow(CLOSED);
});

test("a run that was not awaited stops when its memory is closed, and writes nothing after that", async () => {
  const { memory, close } = await openMemoryFolder(join(base, "race"));
  const bars = [syntheticBars({ asset: "GOLD", timeframe: "1h", seed: 1, end: "2024-04-01" })];
  const job = { bars, providers: [trend()], start: "2024-01-01", end: "2024-04-01" };
  let closing: Promise<void> | undefined;
  const onProgress = ({ trades }: Progress): void => void (closing ??= trades > 2 ? close() : undefined);
  await expect(backtest({ ...job, memory, onProgress })).rejects.toThrow(CLOSED);
  await closing;
  expect(memory.trades).toHaveLength(
    readdirSync(join(base, "race")).filter((name) => name.startsWith("outcome_")).length,
  );
  expect(memory.trades.length).toBeLessThan(6);
  await expect(backtest({ ...job, memory })).rejects.toThrow(CLOSED);
});
