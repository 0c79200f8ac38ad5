import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { CommandConfig } from "../../../lib/config/config.ts";
import { askProviders, type Provider } from "../../../lib/providers/provider.ts";
import { CommandClient } from "../../../lib/providers/recorded/command.ts";
import { LineProgram } from "../../../lib/providers/recorded/line-program.ts";
import type { Answer, DecisionContext } from "../../../lib/types.ts";
import { isRecord } from "../../../lib/util/json.ts";
import { PROJECT_DIR } from "../../samples.ts";
import { makeContext, makeSimilar, makeSituation } from "../situation-samples.ts";

const CONFIG: CommandConfig = { name: "mine", type: "command", command: ["mine"], timeout: "1s", max_concurrency: 1 };
const BARS = { timestamp: [0], open: [1], high: [3], low: [1], close: [2], volume: [9] };

/** The context in the question of a program, as it is asked in a run. */
async function questionOf(config: CommandConfig): Promise<{ context: Record<string, unknown> }> {
  const start = (): never => {
    throw new Error("is not started");
  };
  const program = new LineProgram({ name: "mine", start, timeoutMs: 1000, onNote: () => {} });
  const client = new CommandClient(config, { program, files: {}, hide: (text) => text, now: () => 0 });
  let context: DecisionContext | undefined;
  const asker: Provider = {
    name: "mine",
    vote: (_, seen) => {
      context = seen;
      return { action: "HOLD", confidence: 50 };
    },
  };
  const given = { situation: makeSituation(), context: makeContext(40, [makeSimilar()]), lastBars: () => BARS };
  await askProviders([asker], given);
  return client.prepare(given.situation, context!).request as { context: Record<string, unknown> };
}

test("a program gets no bars unless it asks for them, so that recorded answers of earlier versions stay valid", async () => {
  const { context } = await questionOf(CONFIG);
  // The key of an answer is the hash of this text.
  expect(Object.keys(context)).toEqual(["remembered", "recent", "records", "positions", "similar"]);
});

test("a program that asks for bars gets them in columns, and no ids of decisions", async () => {
  const { context } = await questionOf({ ...CONFIG, bars: 1 });
  expect(context["bars"]).toEqual(BARS);
  expect(JSON.stringify(context)).not.toContain("decision_id");
});

test.each([
  ["in lower case", { action: "sell", confidence: 60 }, { action: "SELL", confidence: 60 }],
  ["as a number", { action: -1, confidence: 60 }, { action: "SELL", confidence: 60 }],
  [
    "of another word, which is none",
    { action: "exit", confidence: 60 },
    {
      action: "HOLD",
      confidence: 0,
      error: 'found "exit", expected the action BUY, SELL or HOLD, long, short or flat, or 1, -1 or 0',
    },
  ],
])("a program's action %s", async (_, answer, vote) => {
  const program = { exchange: () => Promise.resolve(JSON.stringify(answer)) } as unknown as LineProgram;
  const client = new CommandClient(CONFIG, { program, files: {}, hide: (text) => text, now: () => 0 });
  const asked = client.prepare(makeSituation(), { ...makeContext(0), bars: BARS });
  const never = new AbortController().signal;
  const signals = { drain: never, abort: never, hasAnswered: true, onLost: () => {}, onWait: () => {} };
  expect((await asked.ask(signals)).vote).toEqual(vote as Answer);
});

/** The names of all fields, at any depth, with those of a list's first item. */
function fieldsOf(value: unknown): unknown {
  if (Array.isArray(value)) return [fieldsOf(value[0])];
  if (!isRecord(value)) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, fieldsOf(field)]));
}

test("docs/PROVIDERS.md shows a question with all its fields", () => {
  const record = { trades: 1, right: 1, mean_r: 0.5, calibration: [{ from: 60, to: 70, trades: 1, right: 1 }] };
  const context: DecisionContext = {
    ...makeContext(40, [makeSimilar()]),
    recent: { days: 20, trades: 1, wins: 1, mean_r: 0.5 },
    records: { trend: record, mine: record },
    positions: [{ asset: "A", action: "BUY", entry_timestamp: "2021-01-01T00:00:00.000Z", entry_price: 1, open_r: 0 }],
    bars: BARS,
  };
  const program = {} as LineProgram;
  const client = new CommandClient({ ...CONFIG, bars: 1 }, { program, files: {}, hide: (text) => text, now: () => 0 });
  const asked = client.prepare(makeSituation(), context).request as Record<string, unknown>;
  const page = readFileSync(join(PROJECT_DIR, "docs/PROVIDERS.md"), "utf8");
  const [, shown] = /```json\n(\{\n {2}"id".*?)```/s.exec(page)!;
  const { id, ...question } = JSON.parse(shown!) as Record<string, unknown>;
  expect(id).toBe(660);
  expect(fieldsOf(question)).toEqual(fieldsOf({ situation: asked["situation"], context: asked["context"] }));
});
