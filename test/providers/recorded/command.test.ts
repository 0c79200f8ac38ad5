import { expect, test } from "bun:test";
import type { CommandConfig } from "../../../lib/config/config.ts";
import { askProviders, type Provider } from "../../../lib/providers/provider.ts";
import { CommandClient } from "../../../lib/providers/recorded/command.ts";
import { LineProgram } from "../../../lib/providers/recorded/line-program.ts";
import type { Answer, DecisionContext } from "../../../lib/types.ts";
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
