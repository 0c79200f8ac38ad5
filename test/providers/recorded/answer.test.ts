import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { answerForm, readVote, type Said } from "../../../lib/providers/recorded/answer.ts";

const VOTE = { asset: "BTCUSD", action: "BUY", confidence: 70, reason: "it rises" };
const GOOD = JSON.stringify(VOTE);
const SELL = GOOD.replace("BUY", "SELL");

/** What is read of an answer: `BUY 70`, or the problem. */
function read(said: string | Said, asset = "BTCUSD"): string {
  const reading = readVote(typeof said === "string" ? { text: said } : said, asset);
  return "vote" in reading ? `${reading.vote.action} ${reading.vote.confidence}` : reading.problem;
}

const vote = (fields: object): string => JSON.stringify({ ...VOTE, ...fields });

test("a model that copies the example votes for no trade", () => {
  const shown = answerForm('A "B"').split("\n").at(-1) ?? "";
  expect(read(shown, 'A "B"')).toBe("HOLD 50");
});

test("a vote keeps the model's reason, and needs none", () => {
  expect(readVote({ text: GOOD }, "BTCUSD")).toEqual({
    vote: { action: "BUY", confidence: 70, reason: "it rises" },
  });
  for (const reason of [null, undefined, 7, ["up"]]) {
    expect(readVote({ text: vote({ reason }) }, "BTCUSD")).toEqual({ vote: { action: "BUY", confidence: 70 } });
  }
});

describe("a clear vote is taken", () => {
  test.each([
    ["with spaces and a byte order mark around it", `\uFEFF\n ${GOOD} \n`],
    ["with more fields than were asked for", vote({ mood: "good", stop_loss: 1 })],
    ["after thoughts", `<think>\nLet me see: {"rsi": 30}\n</think>\n\n${GOOD}`],
    ["after thoughts whose opening tag is in the prompt", `Let me see.\n</think>\n${GOOD}`],
    ["after the last of two thoughts", `<think>a</think>${SELL}<think>b</think>${GOOD}`],
    ["after thoughts that hold a draft", `<think>Maybe ${SELL}?</think>${GOOD}`],
    ["after thoughts in brackets", `[THINK]hm[/THINK]${GOOD}`],
    ["after Gemma's thoughts", `<|channel>thought\nhm\n<channel|>${GOOD}`],
    ["with a tag of thoughts in its reason", GOOD.replace("it rises", "no </think> and no <think>")],
    ["with such a tag, in a code fence", `\`\`\`json\n${GOOD.replace("it rises", "a </think>")}\n\`\`\``],
    ["in a code fence", `\`\`\`json\n${GOOD}\n\`\`\``],
    ["after a sentence", `Here you go: ${GOOD}`],
    ["before a sentence", `${GOOD}\n\nThis is no financial advice.`],
    ["after braces in prose", `With { trend } and {x: 1} I say ${GOOD}`],
    ["before a turn that the model made up", `${GOOD}<|im_end|>\n<|im_start|>user\nAnd now? ${SELL}`],
    [
      "in harmony's final channel",
      `<|channel|>analysis<|message|>Maybe ${SELL}<|end|><|start|>assistant<|channel|>final <|constrain|>JSON<|message|>${GOOD}<|return|>`,
    ],
    ["in harmony without its special tokens", `analysisMaybe ${SELL}.assistantfinal${GOOD}`],
    ["in a Hermes tool call", `<tool_call>\n{"name": "vote", "arguments": ${GOOD}}\n</tool_call>`],
    ["in a tool call with encoded arguments", `{"name": "vote", "parameters": ${JSON.stringify(GOOD)}}`],
    ["in Mistral's tool call", `[TOOL_CALLS][{"name": "vote", "arguments": ${GOOD}}]`],
    ["in double braces", `{${GOOD}}`],
    ["in a box of LaTeX", `So \\boxed{${GOOD}}.`],
    ["in a list of one", `[${GOOD}]`],
    ["under one key", `{"vote": ${GOOD}}`],
    ["under the asset's name", '{"BTCUSD": {"action": "BUY", "confidence": 70}}'],
    ["encoded twice", JSON.stringify(GOOD)],
    ["with keys in capitals", '{"Asset": "BTCUSD", "ACTION": "BUY", "Confidence": 70}'],
    ["under another name for the confidence", '{"action": "BUY", "confidence_score": 70}'],
    ["with full-width punctuation", '{"action"："BUY"，"confidence"：70，"reason"："up"}'],
    ["all in full width", "｛＂action＂：＂ＢＵＹ＂，＂confidence＂：＂７０％＂｝"],
    ["with full-width quotes in its reason", GOOD.replace("it rises", "they say ＂buy＂，now")],
    ["with a trailing comma", GOOD.replace("}", ",}")],
    ["with a line break in a text", GOOD.replace("it rises", "it\nrises")],
    ["with quotes in a text", GOOD.replace("it rises", 'it "rises" now')],
    ["with an apostrophe's quote in a text", GOOD.replace("it rises", 'it"s rising')],
    ["as a Python dict", "{'asset': 'BTCUSD', 'action': 'BUY', 'confidence': 70, 'reason': None}"],
    ["as JavaScript", '{asset: "BTCUSD", action: "BUY", confidence: 70, /* up */ reason: "up"}'],
    ["without its closing bracket, before spaces to the limit of tokens", GOOD.slice(0, -1) + "\n".repeat(400)],
    ["said twice in the same words", `${GOOD}\n${GOOD}`],
    ["after the example", `The form is ${answerForm("BTCUSD").split("\n").at(-1)}, so: ${GOOD}`],
    ["beside a vote on another asset", `[${GOOD}, ${vote({ asset: "ETHUSD", action: "SELL" })}]`],
    ["with an asset in other letters", vote({ asset: "btc/usd" })],
    ["without an asset", '{"action": "BUY", "confidence": 70}'],
    ["under another name for the action", '{"decision": "BUY", "confidence": 70}'],
  ])("%s", (_what, text) => {
    expect(read(text)).toBe("BUY 70");
  });

  test("from the arguments of a tool", () => {
    expect(read({ text: "", toolInputs: [GOOD] })).toBe("BUY 70");
    expect(read({ text: "I call the tool.", toolInputs: [GOOD] })).toBe("BUY 70");
  });

  test("from the end of thoughts, if that is all there is", () => {
    expect(read({ text: "", thoughts: `It rises.\n\n${GOOD}\n` })).toBe("BUY 70");
    expect(read({ text: "", thoughts: `Maybe ${GOOD}, but I am not sure.` })).toStartWith(
      "found thoughts and no answer",
    );
    expect(read({ text: "", thoughts: GOOD, ended: "cut" })).toStartWith("found thoughts and no answer");
    expect(read({ text: "I would buy.", thoughts: GOOD })).toStartWith('found "I would buy."');
  });

  test("also if what comes after it was cut off", () => {
    expect(read({ text: `${GOOD}\n\nThis is no fin`, ended: "cut" })).toBe("BUY 70");
  });
});

test.each([
  ["buy", "BUY"],
  [" Buy ", "BUY"],
  ["**BUY**", "BUY"],
  ["LONG", "BUY"],
  ["STRONG_BUY", "BUY"],
  ["BUY (be long)", "BUY"],
  ["short", "SELL"],
  ["Strong Sell", "SELL"],
  ["neutral", "HOLD"],
  ["no trade", "HOLD"],
])("takes the action %j for %s", (action, wanted) => {
  expect(read(vote({ action }))).toBe(`${wanted} 70`);
});

test.each(["BUY or HOLD", "BUY/SELL", "CLOSE", "EXIT", "ACCUMULATE", "NOT BUY", "", "1", true, null])(
  "takes the action %j for none",
  (action) => {
    expect(read(vote({ action }))).toMatch(/^found the action .*, expected "BUY", "SELL" or "HOLD"$/);
  },
);

test.each([
  [70, 70],
  [72.5, 72.5],
  ["70", 70],
  ["70%", 70],
  [" 70 % ", 70],
  ["70/100", 70],
  ["70 out of 100", 70],
  [0.7, 70],
  ["0.7", 70],
  [0.57, 57],
  [0.005, 0.5],
  ["0.7%", 0.7],
  ["1%", 1],
  [0, 0],
  [100, 100],
  ["100%", 100],
  [1.5, 1.5],
])("reads the confidence %j as %d", (confidence, wanted) => {
  expect(read(vote({ confidence }))).toBe(`BUY ${wanted}`);
});

test.each([1, "1", "1.0", -1, 101, "110%", "high", "", null, { value: 70 }])(
  "does not guess at the confidence %j",
  (confidence) => {
    expect(read(vote({ confidence }))).toMatch(/^found the confidence .*, expected a whole number from 0 to 100$/);
  },
);

describe("what is no clear vote is refused:", () => {
  test.each([
    ["nothing", "  \n", "found an empty answer"],
    ["prose", "I'm sorry, but I can't give financial advice.", "expected one JSON object"],
    ["prose with a vote in words", "Action: BUY\nConfidence: 70", "expected one JSON object"],
    ["two votes", `${GOOD}\n${SELL}`, "found two different votes, BUY 70 and SELL 70, expected one"],
    [
      "two votes in full width",
      `${GOOD}\n${SELL}`.replaceAll(",", "，"),
      "found two different votes, BUY 70 and SELL 70",
    ],
    ["two confidences", `${GOOD} ${vote({ confidence: 30 })}`, "found two different votes, BUY 70 and BUY 30"],
    ["another asset", vote({ asset: "ETHUSD" }), 'found a vote on the asset "ETHUSD", expected "BTCUSD"'],
    ["a part of the asset", vote({ asset: "BTC" }), 'found a vote on the asset "BTC", expected "BTCUSD"'],
    ["no confidence", '{"asset": "BTCUSD", "action": "BUY"}', "found the confidence nothing"],
    ["a number that may go on", '{"action": "BUY", "confidence": 7', "expected one JSON object"],
    ["a reason that may go on", GOOD.slice(0, -3), "expected one JSON object"],
    ["thoughts without an end", `<think>Maybe ${GOOD}`, "found thoughts without an end"],
    ["harmony's thoughts alone", `<|channel|>analysis<|message|>Maybe ${GOOD}<|end|>`, "found thoughts without an end"],
    ["JSON without a vote", '[null, 1, "BUY", {}]', "expected one JSON object"],
    ["a number too large for JSON", GOOD.replace("70", "1e999"), "found the confidence Infinity"],
    ["a prototype", `{"__proto__": ${GOOD}}`, "expected one JSON object"],
    ["a vote in too many wrappings", `${'{"a":'.repeat(9)}${GOOD}${"}".repeat(9)}`, "expected one JSON object"],
  ])("%s", (_what, text, wanted) => {
    expect(read(text)).toContain(wanted);
  });

  test("a cut answer", () => {
    expect(read({ text: '{"asset": "BTCUSD", "action": "BUY", "confi', ended: "cut" })).toStartWith(
      "found an answer that was cut off (",
    );
    // What follows the bracket inside the text was never said.
    expect(read({ text: '{"action": "BUY", "confidence": 70, "reason": "between {a} and', ended: "cut" })).toStartWith(
      "found an answer that was cut off (",
    );
  });

  test("a refusal, also beside a vote", () => {
    expect(read({ text: `${GOOD}I cannot help.`, ended: "refused" })).toStartWith("found a refusal (");
    expect(read({ text: "", ended: "refused" })).toBe("found a refusal (nothing), expected a vote");
  });

  test("a tool call that says something else than the text", () => {
    expect(read({ text: GOOD, toolInputs: [SELL] })).toStartWith("found two different votes");
  });
});

test("long answers are quoted in part", () => {
  expect(read("no ".repeat(60_000)).length).toBeLessThan(400);
  expect(read({ text: "", thoughts: "hm ".repeat(60_000) }).length).toBeLessThan(400);
});

test.each([
  ["brackets that open", "{".repeat(1 << 20)],
  ["brackets and quotes", '{"'.repeat(1 << 19)],
  ["wrappings", '{"confidence":'.repeat(1 << 16)],
  ["objects that are nearly JSON", "{confidence:1}".repeat(1 << 16)],
  ["texts without commas", `{"confidence" ${'"x" '.repeat(2000)}}`.repeat(100)],
])("a mebibyte of %s is refused within a second", (_what, text) => {
  // Time of the processor: a busy machine adds none.
  const start = process.cpuUsage();
  expect(read(text)).toStartWith("found ");
  expect(process.cpuUsage(start).user / 1000).toBeLessThan(1000);
});

test("whatever stands around a vote, it is found or refused, and never becomes another", () => {
  const noise = fc.string({ unit: "grapheme", maxLength: 60 });
  fc.assert(
    fc.property(
      noise,
      noise,
      fc.constantFrom("BUY", "SELL", "HOLD"),
      fc.integer({ min: 2, max: 100 }),
      (before, after, action, confidence) => {
        const found = read(before + vote({ action, confidence }) + after);
        if (!found.startsWith("found ")) expect(found).toBe(`${action} ${confidence}`);
      },
    ),
    { numRuns: 300 },
  );
});

test("any text of a model is a vote or a problem in words", () => {
  const piece = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.constantFrom(GOOD, SELL, GOOD.slice(0, 30), "<think>", "</think>", "```json", "{", '"', "<|end|>"),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
      expect(read(pieces.join(""))).toMatch(/^(?:found |BUY 70$|SELL 70$)/);
    }),
    { numRuns: 500 },
  );
});
