import { expect, test } from "bun:test";
import { findDecision } from "../../lib/runs/decision.ts";
import type { DamagedFile } from "../../lib/storage/damaged-file.ts";
import { failureOf } from "../storage/storage-contract.ts";
import { CHUNKS, decisionId, storedRun } from "./stored-run.ts";

const [JANUARY, FEBRUARY] = CHUNKS;

test("finds a decision by the beginning of its id", async () => {
  const { storage, run } = await storedRun();
  const damaged: DamagedFile[] = [];
  const found = await findDecision(storage, { id: run.id, chunks: CHUNKS }, { id: "20210214", damaged });
  expect(found).toMatchObject({ chunk: FEBRUARY, decision: { decision_id: decisionId(FEBRUARY) }, outcome: null });
  expect(damaged).toEqual([]);
});

test("a chunk whose bytes are not those of its record is left out and named", async () => {
  const { storage, run } = await storedRun();
  const name = `runs/${run.id}/${JANUARY}.decisions.ndjson`;
  const line = `{"decision_id":"${decisionId(JANUARY)}","context":{"similar":{"nearest":[]}},"action":"SELL"}\n`;
  await storage.replace(name, new TextEncoder().encode(line));
  for (const [id, chunk] of [
    ["20210214", FEBRUARY],
    ["20210114", undefined],
  ] as const) {
    const damaged: DamagedFile[] = [];
    const finding = findDecision(storage, { id: run.id, chunks: CHUNKS }, { id, damaged });
    if (chunk === undefined) expect(await failureOf(finding)).toMatchObject({ code: "NOT_FOUND" });
    else expect((await finding).chunk).toBe(chunk);
    expect(damaged.map(({ problem }) => problem)).toEqual([
      expect.stringMatching(new RegExp(`^Cannot read "${name}": found a CRC-32 of .* as in ${JANUARY}.json$`)),
    ]);
  }
});

test("a damaged outcome is named, and not taken for one that is gone", async () => {
  const { storage, run } = await storedRun();
  const name = `outcome_${decisionId(JANUARY)}.json`;
  await storage.createOnce(name, new TextEncoder().encode('{"decision_id": "x",\n  "crc32": "00000000"\n}\n'));
  const damaged: DamagedFile[] = [];
  const found = await findDecision(storage, { id: run.id, chunks: CHUNKS }, { id: "20210114", damaged });
  expect(found.outcome).toBeNull();
  expect(damaged).toMatchObject([{ name }]);
});
