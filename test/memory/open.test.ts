import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { maintainMemory } from "../../lib/memory/open.node.ts";
import { openToRead } from "../../lib/memory/open-to-read.node.ts";
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
