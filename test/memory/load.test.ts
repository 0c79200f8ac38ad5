import { describe, expect, test } from "bun:test";
import { checkOnce } from "../../lib/maintenance/check.ts";
import { moveToQuarantine, readMemory } from "../../lib/memory/load.ts";
import { encodeOutcome, outcomeFileName } from "../../lib/memory/outcome.ts";
import { decodeSidecar, encodeSidecar, SIDECAR_FILE } from "../../lib/memory/sidecar.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { utf8 } from "../storage/storage-contract.ts";
import { bytesOf, cachesOf, recount } from "./folder-samples.ts";
import { makeOutcomes } from "./outcome-samples.ts";

test("a file moves to quarantine under its own name, and files that are there stay", async () => {
  const storage = inMemoryStorage();
  const names = [];
  for (const text of ["first", "second", "third"]) {
    await storage.replace("runs/ab/2021Q1.json", new TextEncoder().encode(text));
    names.push(await moveToQuarantine(storage, "runs/ab/2021Q1.json"));
  }
  expect(names).toEqual(["", ".2", ".3"].map((end) => `quarantine/runs/ab/2021Q1.json${end}`));
  for (const [i, text] of ["first", "second", "third"].entries()) {
    expect(new TextDecoder().decode(await storage.read(names[i]!, { maxBytes: 10 }))).toBe(text);
  }
  expect((await storage.list("runs/ab")).files).toEqual([]);
});

describe("an imported outcome that changed and kept its size", () => {
  const text = (changes: object): Uint8Array =>
    utf8(
      JSON.stringify({
        decision_id: "trade-001",
        asset_pair: "BTCUSD",
        action: "BUY",
        entry_timestamp: "2021-01-01T00:00:00Z",
        exit_timestamp: "2021-01-02T00:00:00Z",
        realized_pnl: 100,
        pnl_percentage: 1,
        ai_provider: "local",
        description: "BTCUSD is falling. It was bought.",
        ...changes,
      }),
    );
  const NAME = "outcome_trade-001.json";

  async function remembered(): Promise<Storage> {
    const storage = inMemoryStorage();
    await storage.replace(NAME, text({}));
    for (const outcome of makeOutcomes(3)) {
      await storage.replace(outcomeFileName(outcome.decision_id), encodeOutcome(outcome).bytes);
    }
    expect((await openMemory(storage)).embedded).toBe(4);
    return storage;
  }

  test.each([
    ["its P&L", { realized_pnl: -99 }, -99],
    ["its description", { description: "BTCUSD is rising.. It was bought." }, 100],
  ])(
    "in %s is read again by readers and writers: its vector is made again, and all caches",
    async (_, changes, pnl) => {
      const storage = await remembered();
      const bytes = text(changes);
      expect(bytes).toHaveLength(text({}).length);
      await storage.replace(NAME, bytes);
      const { trades } = await readMemory(storage);
      expect(trades.find(({ id }) => id === "trade-001")).toMatchObject({ pnl });
      const { findings } = await checkOnce(storage);
      expect(findings.map(({ name }) => name)).toContain(SIDECAR_FILE);
      expect(findings.filter(({ damaged }) => damaged)).toEqual([]);
      expect((await openMemory(storage)).embedded).toBe(1);
      expect(await cachesOf(storage)).toEqual(await recount(storage));
      expect((await checkOnce(storage)).findings).toEqual([]);
      expect((await openMemory(storage)).embedded).toBe(0);
    },
  );

  test("is counted again although the writer that noticed died before it had counted", async () => {
    const storage = await remembered();
    await storage.replace(NAME, text({ realized_pnl: -99 }));
    const statistics = await bytesOf(storage, "provider_performance.json");
    const memory = await bytesOf(storage, "memory.json");
    await openMemory(storage);
    await storage.replace("provider_performance.json", statistics);
    await storage.replace("memory.json", memory);
    await openMemory(storage);
    expect(await cachesOf(storage)).toEqual(await recount(storage));
  });
});

test("a sidecar of version 2 is written again with hashes; no vector of an outcome of ours is made again", async () => {
  const storage = inMemoryStorage();
  for (const outcome of makeOutcomes(5)) {
    await storage.replace(outcomeFileName(outcome.decision_id), encodeOutcome(outcome).bytes);
  }
  await openMemory(storage);
  const now = await cachesOf(storage);
  const value = await decodeSidecar(now[SIDECAR_FILE]!, SIDECAR_FILE);
  const { content_hash: hashes, ...columns } = value["columns"] as Record<string, unknown>;
  expect(hashes).toHaveLength(5);
  await storage.replace(SIDECAR_FILE, await encodeSidecar({ ...value, version: 2, columns }));
  const check = await checkOnce(storage);
  expect(check.findings).toEqual([
    { name: SIDECAR_FILE, damaged: false, problem: `"${SIDECAR_FILE}" is of an earlier state`, remedy: "start" },
  ]);
  const notes: string[] = [];
  expect((await openMemory(storage, { onNote: (note) => notes.push(note) })).embedded).toBe(0);
  expect(notes).toEqual([]);
  expect(await cachesOf(storage)).toEqual(now);
});
