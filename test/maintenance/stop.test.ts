import { expect, test } from "bun:test";
import { checkMemory } from "../../lib/maintenance/check.ts";
import { forgetProviders } from "../../lib/maintenance/forget-providers.ts";
import { readMemoryReport } from "../../lib/maintenance/memory-report.ts";
import { rebuildVectors } from "../../lib/maintenance/rebuild.ts";
import { recountProviders } from "../../lib/maintenance/recount.ts";
import { repairMemory } from "../../lib/maintenance/repair.ts";
import { readRemembered } from "../../lib/memory/in-memory.ts";
import { encodeOutcome, outcomeFileName } from "../../lib/memory/outcome.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { makeOutcome } from "../memory/outcome-samples.ts";

const FILES = Array.from({ length: 1_000 }, (_, i) => {
  const id = `20210104T1200-BTCUSD-${i.toString(16).padStart(8, "0")}`;
  return [outcomeFileName(id), encodeOutcome(makeOutcome({ decision_id: id })).bytes] as const;
});

/** A memory of 1,000 outcomes without caches. */
async function largeMemory(): Promise<Storage> {
  const storage = inMemoryStorage();
  for (const [name, bytes] of FILES) await storage.createOnce(name, bytes);
  return storage;
}

const embedder = hashingEmbedder();
const COMMANDS: Readonly<Record<string, (storage: Storage, signal: AbortSignal) => Promise<unknown>>> = {
  "memory-stats": (storage, signal) => readMemoryReport(storage, { signal }),
  "memory-stats --check": (storage, signal) => checkMemory(storage, { signal }),
  "memory-stats --repair": (storage, signal) => repairMemory(storage, { signal }),
  "rebuild-vectors": (storage, signal) => rebuildVectors(storage, { signal }),
  "rebuild-vectors --all": (storage, signal) => rebuildVectors(storage, { signal, all: true }),
  "reset-providers": (storage, signal) => recountProviders(storage, { signal }),
  "reset-providers --forget": (storage, signal) => forgetProviders(storage, { signal }),
  "the opening of a run": (storage, signal) => openMemory(storage, { signal }),
  "the opening of an experiment": (storage, signal) => readRemembered(storage, { embedder, signal }),
};

test.each(Object.entries(COMMANDS))("%s stops in the middle of its outcomes", async (_, run) => {
  const controller = new AbortController();
  setImmediate(() => controller.abort(new Error("stopped")));
  expect(await run(await largeMemory(), controller.signal).catch((error: unknown) => error)).toEqual(
    new Error("stopped"),
  );
});

test("the making of vectors stops in the middle, and what was made is kept", async () => {
  const storage = await largeMemory();
  const controller = new AbortController();
  const onEmbedded = (made: number): void => void (made === 400 && controller.abort(new Error("stopped")));
  const stopped = rebuildVectors(storage, { signal: controller.signal, onEmbedded });
  expect(await stopped.catch((error: unknown) => error)).toEqual(new Error("stopped"));
  expect(await rebuildVectors(storage, {})).toMatchObject({ made: 600, kept: 400 });
});
