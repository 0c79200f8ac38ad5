import { describe, expect, test } from "bun:test";
import { answerForm, readVote } from "../../../lib/providers/recorded/answer.ts";

const GOOD = { asset: "BTCUSD", action: "BUY", confidence: 70, reason: "it rises" };

function problemOf(text: string): string {
  const read = readVote(text, "BTCUSD");
  return "problem" in read ? read.problem : `no problem: ${JSON.stringify(read.vote)}`;
}

test("a model that copies the example votes for no trade", () => {
  const shown = answerForm('A "B"').split("\n").at(-1) ?? "";
  expect(readVote(shown, 'A "B"')).toMatchObject({ vote: { action: "HOLD", confidence: 50 } });
});

describe("readVote()", () => {
  test("reads a vote with spaces around it and more fields than were asked for", () => {
    const vote = { action: "BUY", confidence: 70, reason: "it rises" };
    expect(readVote(JSON.stringify(GOOD), "BTCUSD")).toEqual({ vote } as never);
    expect(readVote(`\n ${JSON.stringify({ ...GOOD, mood: "good" })} \n`, "BTCUSD")).toEqual({ vote } as never);
  });

  test.each([
    ["", "found an empty answer"],
    ["  \n", "found an empty answer"],
    ["I'm sorry, but I can't give financial advice.", "expected one JSON object and nothing around it"],
    [`Here you go: ${JSON.stringify(GOOD)}`, "expected one JSON object and nothing around it"],
    [`\`\`\`json\n${JSON.stringify(GOOD)}\n\`\`\``, "expected one JSON object and nothing around it"],
    [`${JSON.stringify(GOOD)}${JSON.stringify(GOOD)}`, "expected one JSON object and nothing around it"],
    [JSON.stringify(GOOD).slice(0, -5), "expected one JSON object and nothing around it"],
    ["null", "found an answer of another form"],
    ["[]", "found an answer of another form"],
    ["[".repeat(50_000), "expected one JSON object and nothing around it"],
    ['"BUY"', "found an answer of another form"],
    [JSON.stringify({ ...GOOD, action: "STRONG BUY" }), 'at "action"'],
    [JSON.stringify({ ...GOOD, action: "buy" }), 'at "action"'],
    [JSON.stringify({ ...GOOD, confidence: 101 }), 'at "confidence"'],
    [JSON.stringify({ ...GOOD, confidence: -1 }), 'at "confidence"'],
    [JSON.stringify({ ...GOOD, confidence: 0.7 }), 'at "confidence"'],
    [JSON.stringify({ ...GOOD, confidence: "70" }), 'at "confidence"'],
    [JSON.stringify(GOOD).replace("70", "1e999"), 'at "confidence"'],
    [JSON.stringify({ ...GOOD, asset: "ETHUSD" }), 'found a vote on the asset "ETHUSD", expected "BTCUSD"'],
    ['{"__proto__": {"action": "BUY", "confidence": 70, "asset": "BTCUSD", "reason": ""}}', "another form"],
  ])("refuses %j", (text, wanted) => {
    expect(problemOf(text)).toContain(wanted);
  });
});
