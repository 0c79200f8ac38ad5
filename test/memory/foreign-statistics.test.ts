import { expect, test } from "bun:test";
import { checkOnce } from "../../lib/maintenance/check.ts";
import { recountProviders } from "../../lib/maintenance/recount.ts";
import { encodeOutcome, outcomeFileName } from "../../lib/memory/outcome.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { overrideCalls } from "../storage/override-calls.ts";
import { textOf, utf8 } from "../storage/storage-contract.ts";
import { makeOutcome } from "./outcome-samples.ts";

/** As the original system has it: with a list that cannot be counted from outcomes. */
const CALIBRATION = JSON.stringify({
  local: { total_trades: 3, winning_trades: 2, total_pnl: 696, confidence_calibration: [{ confidence: 75, pnl: 200 }] },
});
const REGIMES = JSON.stringify({ bullish: { total_trades: 3, winning_trades: 3, total_pnl: 900 } });

async function folderWith(files: Readonly<Record<string, string>>): Promise<Storage> {
  const storage = inMemoryStorage();
  const outcome = makeOutcome();
  await storage.createOnce(outcomeFileName(outcome.decision_id), encodeOutcome(outcome).bytes);
  for (const [name, text] of Object.entries(files)) await storage.createOnce(name, utf8(text));
  return storage;
}

const namesIn = async (storage: Storage): Promise<string[]> => (await storage.list()).files.map(({ name }) => name);

test.each(["openMemory", "recountProviders"] as const)(
  "%s() keeps statistics of another system aside, byte for byte, and names them; a second start moves nothing",
  async (call) => {
    const storage = await folderWith({
      "provider_performance.json": CALIBRATION,
      "regime_performance.json": REGIMES,
      "foreign_regime_performance.json": "an earlier one",
    });
    const notes: string[] = [];
    const start = async (): Promise<unknown> =>
      call === "openMemory"
        ? openMemory(storage, { onNote: (note) => notes.push(note) })
        : recountProviders(storage, { onNote: (note) => notes.push(note) });
    await start();
    expect(notes).toEqual([
      'Kept "provider_performance.json" of another system as "foreign_provider_performance.json"',
      'Kept "regime_performance.json" of another system as "foreign_regime_performance.2.json"',
    ]);
    expect(await textOf(storage, "foreign_provider_performance.json")).toBe(CALIBRATION);
    expect(await textOf(storage, "foreign_regime_performance.2.json")).toBe(REGIMES);
    expect(await textOf(storage, "foreign_regime_performance.json")).toBe("an earlier one");
    expect(JSON.parse((await textOf(storage, "provider_performance.json"))!)).toMatchObject({
      trend: { total_trades: 1 },
    });
    const names = await namesIn(storage);
    await start();
    expect([await namesIn(storage), notes.length]).toEqual([names, 2]);
  },
);

test("they are moved before ours are written, however long that takes", async () => {
  const storage = await folderWith({ "provider_performance.json": CALIBRATION });
  const move: Storage["move"] = async (from, to) => {
    await Bun.sleep(20);
    await storage.move(from, to);
  };
  await openMemory(overrideCalls(storage, { move }), {});
  expect(await textOf(storage, "foreign_provider_performance.json")).toBe(CALIBRATION);
  expect(await textOf(storage, "provider_performance.json")).toContain('"trend"');
});

test("a check says that another system's statistics will be kept, and calls them no damage", async () => {
  const storage = await folderWith({ "provider_performance.json": CALIBRATION });
  const { findings } = await checkOnce(storage);
  expect(findings.find(({ name }) => name === "provider_performance.json")).toEqual({
    name: "provider_performance.json",
    damaged: false,
    problem:
      '"provider_performance.json" is of another system, and will be kept as "foreign_provider_performance.json"',
    remedy: "start",
  });
});

test.each(["", "{", "{}", '{"trend":{"total_trades":9,"winning_trades":1,"total_pnl":5,"mean_result_r":null}}'])(
  "statistics of ours that are damaged or stale are counted again and not kept: %j",
  async (text) => {
    const storage = await folderWith({ "provider_performance.json": text });
    await openMemory(storage, {});
    expect((await namesIn(storage)).filter((name) => name.startsWith("foreign_"))).toEqual([]);
    expect(await textOf(storage, "provider_performance.json")).not.toBe(text);
  },
);
