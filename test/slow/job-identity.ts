/** Any byte of any input of a run that was stopped may change: what follows is the same bytes, another run, or a refusal. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { loadConfig } from "../../lib/config/load.node.ts";
import { CarryoverError } from "../../lib/errors.ts";
import { runConfig, type RunOptions, type RunOutcome } from "../../lib/job/run.node.ts";
import { syntheticBars } from "../../lib/market/synthetic.ts";
import { encodeForgetMark } from "../../lib/memory/forget.ts";
import { someVote, startModelServer } from "../providers/recorded/model-server.ts";
import { filesOf } from "../scripts/run-script.ts";

// Two hundred files are copied for every change.
setDefaultTimeout(60_000);

const CHANGES = 50;

const CONFIG = (url: string): string => `# A run with every kind of input.
memory: { dir: memory, answers_dir: answers }
backtest: { start: 2024-02-01, end: 2024-03-01, chunks: 10d, timeframe: 4h, decision_interval: 24h, assets: [AAA], data_dir: bars }
providers:
  - { name: trend, type: trend }
  - { name: elsewhere, type: file, path: votes.csv }
  - { name: llama, type: llm, model: llama3.2, base_url: "${url}", prompt_file: prompt.txt }
  - { name: memory, type: memory }
`;

let root = "";
let copies = 0;
let whole: { id: string; files: Record<string, string> };
/** Of the stopped run: files that a user or another system wrote. */
let inputs: readonly string[];

/** Runs what a folder says, with recorded answers only unless it says otherwise. */
async function run(folder: string, options: Partial<RunOptions> = {}): Promise<RunOutcome> {
  return runConfig({ ...(await loadConfig(join(folder, "config.yaml"))), mode: "offline", ...options });
}

function copyOf(folder: string): string {
  const copy = join(root, `copy-${copies++}`);
  cpSync(folder, copy, { recursive: true });
  return copy;
}

/** What a run wrote, but not what belongs to the folder as a whole. */
function filesOfRun({ memoryDir, summary: { run_id: id } }: RunOutcome): Record<string, string> {
  const own = Object.entries(filesOf(memoryDir)).filter(
    ([name, text]) => name.startsWith(`runs/${id}/`) || text.includes(`"run_id": "${id}"`),
  );
  return Object.fromEntries(own);
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "carryover-identity-"));
  const origin = join(root, "origin");
  for (const folder of ["bars", "memory"]) mkdirSync(join(origin, folder), { recursive: true });
  const { bars } = syntheticBars({ asset: "AAA", timeframe: "4h", seed: 3, end: "2024-03-01" });
  const rows = bars
    .filter(({ timestamp }) => timestamp >= Date.UTC(2024, 0, 1))
    .map((bar) => [bar.timestamp, bar.open, bar.high, bar.low, bar.close, bar.volume].join(","));
  writeFileSync(join(origin, "bars/AAA_4h.csv"), `timestamp,open,high,low,close,volume\n${rows.join("\n")}\n`);
  const votes = Array.from({ length: 29 }, (_, i) => `2024-02-${String(i + 1).padStart(2, "0")},AAA,BUY,${50 + i}\n`);
  writeFileSync(join(origin, "votes.csv"), `timestamp,asset,action,confidence\n${votes.join("")}`);
  writeFileSync(join(origin, "prompt.txt"), "You trade {{asset}}. Now:\n{{situation}}\n{{memory}}\n{{answer}}\n");
  for (let i = 0; i < 4; i++) {
    const day = (hour: number): string => `2024-01-1${i}T${hour}:00:00Z`;
    const fields = { decision_id: `old-${i}`, asset_pair: "AAA", action: i % 2 === 0 ? "BUY" : "SELL" };
    const times = { entry_timestamp: day(10), exit_timestamp: day(20), realized_pnl: 10 * i - 15, pnl_percentage: 1 };
    const learned = { result_r: i - 1.5, ai_provider: "elsewhere", description: `AAA is falling, RSI 3${i}. Bought.` };
    writeFileSync(join(origin, `memory/outcome_old-${i}.json`), JSON.stringify({ ...fields, ...times, ...learned }));
  }
  const mark = encodeForgetMark({ provider: "trend", beforeMs: Date.UTC(2024, 0, 5) });
  writeFileSync(join(origin, "memory", mark.name), mark.bytes);

  const server = startModelServer(someVote);
  writeFileSync(join(origin, "config.yaml"), CONFIG(server.openaiUrl));
  // A run elsewhere records the answers.
  const asked = copyOf(origin);
  await run(asked, { mode: "ask" });
  await server.stop();
  cpSync(join(asked, "answers"), join(origin, "answers"), { recursive: true });

  const outcome = await run(copyOf(origin));
  whole = { id: outcome.summary.run_id, files: filesOfRun(outcome) };
  const stop = new AbortController();
  const reason = new Error("stopped");
  const onProgress: RunOptions["onProgress"] = ({ simulatedMs }) => {
    if (simulatedMs > Date.UTC(2024, 1, 16)) stop.abort(reason);
  };
  await expect(run(origin, { signal: stop.signal, onProgress })).rejects.toBe(reason);
  inputs = [
    "config.yaml",
    "bars/AAA_4h.csv",
    "votes.csv",
    "prompt.txt",
    `memory/${mark.name}`,
    ...readdirSync(join(origin, "memory")).flatMap((name) => (name.startsWith("outcome_old") ? `memory/${name}` : [])),
    ...readdirSync(join(origin, "answers")).map((name) => `answers/${name}`),
  ];
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test("a run that was stopped and goes on with the same inputs ends in the same bytes", async () => {
  const outcome = await run(copyOf(join(root, "origin")));
  expect(outcome.chunksRun.length).toBeGreaterThan(1);
  expect(outcome.summary.run_id).toBe(whole.id);
  expect(filesOfRun(outcome)).toEqual(whole.files);
  expect(Object.keys(whole.files).length).toBeGreaterThan(15);
  expect(inputs.length).toBeGreaterThan(20);
});

test("with one byte of one input changed it ends in the same bytes, is another run, or is refused", async () => {
  const counts = { same: 0, other: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.nat({ max: 8 }), fc.nat({ max: inputs.length - 1 })),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.oneof(fc.constantFrom(...utf8Bytes("0159 .,-\n\"'{}")), fc.integer({ min: 0, max: 255 })),
      async (which, where, byte) => {
        const folder = copyOf(join(root, "origin"));
        const path = join(folder, inputs[which]!);
        const bytes = readFileSync(path);
        const at = Math.floor(where * bytes.length);
        bytes[at] = bytes[at] === byte ? byte ^ 1 : byte;
        writeFileSync(path, bytes);
        try {
          const outcome = await run(folder);
          if (outcome.summary.run_id !== whole.id) counts.other += 1;
          else {
            counts.same += 1;
            expect(filesOfRun(outcome)).toEqual(whole.files);
          }
        } catch (error) {
          if (!(error instanceof CarryoverError)) throw error;
          counts.refused += 1;
        } finally {
          rmSync(folder, { recursive: true });
        }
      },
    ),
    { numRuns: CHANGES },
  );
  // None of the three is so rare that the property would say nothing about it.
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(0);
});

function utf8Bytes(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}
