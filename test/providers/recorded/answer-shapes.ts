/**
 * Shapes of answers that issue trackers report of real models and servers, and what a careful person reads in each: a vote, no
 * vote, or no answer. All are about BTCUSD.
 */

/** What becomes of a shape. */
export type Reading =
  /** The vote, taken from the first answer. */
  | `${"BUY" | "SELL" | "HOLD"} ${number}`
  /** The model said no clear vote, twice. */
  | "abstains"
  /** Nobody answered. It may pass, and is waited for. */
  | "waits, then stops"
  /** Nobody answered, and nobody will before somebody changes something, or today. */
  | "stops";

/** A shape of an answer. */
export interface Shape {
  readonly name: string;
  /** Who answers so. */
  readonly of: string;
  readonly api: "openai-compatible" | "google" | "anthropic";
  readonly reading: Reading;
  /** The answer; absent for the shapes of test/fixtures/llm/server.py. */
  readonly respond?: () => Response;
}

/** The shapes of test/fixtures/llm/server.py. */
const READINGS_OF_FIXTURE: Readonly<Record<string, Reading>> = {
  clean: "BUY 70",
  "think-tags": "BUY 70",
  "think-empty": "BUY 70",
  "code-fence": "BUY 70",
  "code-fence-bare": "BUY 70",
  "prose-then-json": "BUY 70",
  "json-then-prose": "BUY 70",
  bom: "BUY 70",
  "confidence-string": "BUY 70",
  "confidence-fraction": "BUY 70",
  "confidence-one": "abstains",
  "confidence-int-1": "abstains",
  "confidence-72.5": "BUY 72.5",
  "confidence-70.0": "BUY 70",
  "confidence-word": "abstains",
  "confidence-null": "abstains",
  "confidence-110": "abstains",
  "action-lower": "BUY 70",
  "action-title": "BUY 70",
  "action-space": "BUY 70",
  "no-reason": "BUY 70",
  "reason-null": "BUY 70",
  "no-asset": "BUY 70",
  "asset-slash": "BUY 70",
  "asset-lower": "BUY 70",
  "extra-keys": "BUY 70",
  wrapped: "BUY 70",
  "trailing-comma": "BUY 70",
  "reasoning-content-too": "BUY 70",
  "reasoning-content-only": "BUY 70",
  "thinking-ate-all": "abstains",
  truncated: "abstains",
  // All is said but the last bracket.
  "spaces-forever": "BUY 70",
  "tool-call": "BUY 70",
  "content-parts": "BUY 70",
  refusal: "abstains",
  "no-usage": "BUY 70",
  "finish-null": "BUY 70",
  bare: "BUY 70",
  "200-error-429": "stops",
  "200-error-text": "stops",
  "200-empty-choices": "waits, then stops",
  "html-502": "waits, then stops",
  "empty-200": "waits, then stops",
  "429-forever": "waits, then stops",
  "429-quota": "stops",
  "400-max-tokens": "stops",
  "400-temperature": "stops",
  "400-context": "stops",
  "400-auth-openai-401": "stops",
  "404-model": "stops",
  "500-oom": "stops",
  "sse-always": "BUY 70",
  "keepalive-lines": "BUY 70",
  slow: "BUY 70",
  "g-clean": "BUY 70",
  "g-thought-part": "BUY 70",
  "g-max-tokens-empty": "abstains",
  "g-max-tokens-no-content": "abstains",
  "g-safety": "abstains",
  "g-blocked": "abstains",
  "g-fence": "BUY 70",
  "g-429-retrydelay": "stops",
  "g-400-key": "stops",
  "g-503": "waits, then stops",
  "g-500": "waits, then stops",
};

export const FIXTURE_SHAPES: readonly Shape[] = Object.entries(READINGS_OF_FIXTURE).map(([name, reading]) => ({
  name,
  of: "the fixture",
  api: name.startsWith("g-") ? "google" : "openai-compatible",
  reading,
}));

const VOTE = { asset: "BTCUSD", action: "BUY", confidence: 70, reason: "up" };
const GOOD = JSON.stringify(VOTE);
const SELL = GOOD.replace("BUY", "SELL");
const THOUGHTS = "The RSI is high. Let me weigh { trend } against reversion.\nSo I lean BUY.";

const USAGE = { prompt_tokens: 900, completion_tokens: 50, total_tokens: 950 };

function chat(message: object, finish: string | null = "stop"): () => Response {
  const choice = { index: 0, message: { role: "assistant", ...message }, finish_reason: finish };
  return () => Response.json({ id: "c1", object: "chat.completion", model: "x", choices: [choice], usage: USAGE });
}

const says = (content: string, finish = "stop"): (() => Response) => chat({ content }, finish);

const calls = (...inputs: readonly unknown[]): (() => Response) => {
  const tools = inputs.map((input, i) => ({
    id: `t${i}`,
    type: "function",
    function: { name: "vote", arguments: input },
  }));
  return chat({ content: null, tool_calls: tools }, "tool_calls");
};

const fails = (status: number, error: unknown, headers: Record<string, string> = {}): (() => Response) => {
  return () => Response.json({ error }, { status, headers });
};

function gemini(candidate: object, more: object = {}): () => Response {
  const usage = { promptTokenCount: 900, candidatesTokenCount: 50, totalTokenCount: 950 };
  return () => Response.json({ candidates: [{ index: 0, ...candidate }], usageMetadata: usage, ...more });
}

const parts = (...all: readonly object[]): object => ({ content: { role: "model", parts: all } });

function claude(content: readonly object[], stop = "end_turn"): () => Response {
  const usage = { input_tokens: 900, output_tokens: 50 };
  return () =>
    Response.json({ id: "m", type: "message", role: "assistant", model: "c", content, stop_reason: stop, usage });
}

const events = (...data: readonly unknown[]): (() => Response) => {
  const lines = data.map((each) => `data: ${typeof each === "string" ? each : JSON.stringify(each)}\n\n`);
  return () => new Response(`: keep-alive\n\n${lines.join("")}`, { headers: { "content-type": "text/event-stream" } });
};

const delta = (of: object, finish: string | null = null): object => ({
  choices: [{ index: 0, delta: of, finish_reason: finish }],
});

type Row = readonly [name: string, of: string, reading: Reading, respond: () => Response];

const CHAT: readonly Row[] = [
  ["thoughts without an opening tag", "DeepSeek R1, vLLM", "BUY 70", says(`${THOUGHTS}\n</think>\n\n${GOOD}`)],
  ["a tag of thoughts in the reason", "DeepSeek R1", "BUY 70", says(GOOD.replace("up", "after </think> up"))],
  ["thoughts that hold a draft", "DeepSeek R1", "BUY 70", says(`<think>Maybe ${SELL}? No.</think>\n${GOOD}`)],
  [
    "thoughts, a draft, thoughts, a vote",
    "DeepSeek R1",
    "BUY 70",
    says(`<think>a</think>${SELL}<think>b</think>${GOOD}`),
  ],
  ["thoughts without an end", "Qwen3, llama.cpp", "abstains", says(`<think>\n${THOUGHTS}\nMaybe ${GOOD}`)],
  ["thoughts cut off at the limit", "Qwen3", "abstains", says(`<think>\n${THOUGHTS}`, "length")],
  ["the vote as thoughts", "Qwen3, vLLM without thinking", "BUY 70", chat({ content: null, reasoning: GOOD })],
  [
    "thoughts that end with the vote",
    "Qwen3, SGLang",
    "BUY 70",
    chat({ content: "", reasoning_content: `${THOUGHTS}\n\n${GOOD}` }),
  ],
  [
    "thoughts with a draft in the middle",
    "Qwen3, SGLang",
    "abstains",
    chat({ content: "", reasoning_content: `Maybe ${GOOD}, or not.` }),
  ],
  [
    "thoughts with a draft, cut off",
    "gemma, Ollama",
    "abstains",
    chat({ content: "", reasoning: `Maybe ${GOOD}` }, "length"),
  ],
  [
    "spaces in the middle, to the limit",
    "Qwen3, vLLM",
    "abstains",
    says(`{"asset": "BTCUSD",${"\n   ".repeat(200)}`, "length"),
  ],
  ["[THINK]", "Magistral", "BUY 70", says(`[THINK]${THOUGHTS}[/THINK]${GOOD}`)],
  [
    "parts of thinking and text",
    "Magistral, Mistral's API",
    "BUY 70",
    chat({
      content: [
        { type: "thinking", thinking: [{ type: "text", text: THOUGHTS }] },
        { type: "text", text: GOOD },
      ],
    }),
  ],
  ["<|channel>thought", "Gemma 4, mlx-vlm", "BUY 70", says(`<|channel>thought\n${THOUGHTS}<channel|>${GOOD}`)],
  ["all in <|channel>", "Gemma 4, mlx-lm", "BUY 70", says(`<|channel>thought\n${THOUGHTS}\n${GOOD}<channel|>`)],
  ["◁think▷", "Kimi", "BUY 70", says(`◁think▷${THOUGHTS}◁/think▷${GOOD}`)],
  ["<seed:think>", "Seed-OSS", "BUY 70", says(`<seed:think>${THOUGHTS}</seed:think>${GOOD}`)],
  [
    "harmony",
    "gpt-oss, mlx-lm",
    "BUY 70",
    says(
      `<|channel|>analysis<|message|>Maybe ${SELL}<|end|><|start|>assistant<|channel|>final<|message|>${GOOD}<|return|>`,
    ),
  ],
  [
    "harmony with a format",
    "gpt-oss, TensorRT-LLM",
    "BUY 70",
    says(
      `<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final <|constrain|>JSON<|message|>${GOOD}<|return|>`,
    ),
  ],
  ["harmony without special tokens", "gpt-oss, mlx", "BUY 70", says(`analysis${THOUGHTS}assistantfinal${GOOD}`)],
  [
    "harmony's commentary",
    "gpt-oss, TensorRT-LLM",
    "BUY 70",
    says(`<|channel|>commentary to=vote <|constrain|>json<|message|>${GOOD}<|call|>`),
  ],
  [
    "harmony's thoughts alone",
    "gpt-oss, vLLM",
    "abstains",
    says(`<|channel|>analysis<|message|>Maybe ${GOOD}<|end|>`, "length"),
  ],
  ["end-of-sequence token", "Mistral, text-generation-webui", "BUY 70", says(`${GOOD}</s>`)],
  [
    "a turn that the model made up",
    "ChatML models, llama.cpp",
    "BUY 70",
    says(`${GOOD}<|im_end|>\n<|im_start|>user\nAnd ETH? ${SELL}`),
  ],
  [
    "<|python_tag|>",
    "Llama 3.1, vLLM",
    "BUY 70",
    says(`<|python_tag|>{"name": "vote", "parameters": ${GOOD}}<|eom_id|>`),
  ],
  [
    "<tool_call>",
    "Hermes, Qwen2.5",
    "BUY 70",
    says(`<tool_call>\n{"name": "vote", "arguments": ${GOOD}}\n</tool_call>`),
  ],
  ["[TOOL_CALLS]", "Mistral, llama.cpp", "BUY 70", says(`[TOOL_CALLS][{"name": "vote", "arguments": ${GOOD}}]`)],
  [
    "function_call",
    "older servers",
    "BUY 70",
    chat({ content: null, function_call: { name: "vote", arguments: GOOD } }, "function_call"),
  ],
  ["arguments as an object", "Ollama, some proxies", "BUY 70", calls(VOTE)],
  ["two calls that differ", "Llama 3.3", "abstains", calls(GOOD, SELL)],
  [
    "a text and a call that agree",
    "GPT-4o",
    "BUY 70",
    chat({
      content: "I vote.",
      tool_calls: [{ id: "t", type: "function", function: { name: "vote", arguments: GOOD } }],
    }),
  ],
  ["content as an object", "some proxies", "BUY 70", chat({ content: VOTE })],
  ["content as a list of texts", "LiteLLM", "BUY 70", chat({ content: [GOOD] })],
  [
    "thoughts in reasoning_details",
    "OpenRouter",
    "BUY 70",
    chat({ content: GOOD, reasoning: null, reasoning_details: [{ type: "reasoning.text", text: THOUGHTS }] }),
  ],
  [
    "Ollama's own protocol",
    "Ollama",
    "BUY 70",
    () => Response.json({ model: "x", message: { role: "assistant", content: GOOD }, done: true, done_reason: "stop" }),
  ],
  ["a refusal that is false", "Perplexity", "BUY 70", chat({ content: GOOD, refusal: false })],
  ["a list of one", "Gemma", "BUY 70", says(`[${GOOD}]`)],
  ["under the asset's name", "Llama 3.2", "BUY 70", says('{"BTCUSD": {"action": "BUY", "confidence": 70}}')],
  ["encoded twice", "small models", "BUY 70", says(JSON.stringify(GOOD))],
  ["escaped once too often", "small models", "BUY 70", says(GOOD.replaceAll('"', '\\"'))],
  ["keys in capitals", "small models", "BUY 70", says('{"ASSET": "BTCUSD", "ACTION": "BUY", "CONFIDENCE": 70}')],
  [
    "a Python dict",
    "Phi, CodeLlama",
    "BUY 70",
    says("{'asset': 'BTCUSD', 'action': 'BUY', 'confidence': 70, 'reason': None}"),
  ],
  ["a line break in a text", "Mistral 7B", "BUY 70", says(GOOD.replace("up", "up\nand on"))],
  ["comments", "GPT-3.5", "BUY 70", says('{"action": "BUY", // long\n "confidence": 70}')],
  ["70% without quotes", "small models", "BUY 70", says('{"action": "BUY", "confidence": 70%}')],
  ["bold", "Gemma", "BUY 70", says(`**Vote:** ${GOOD.replace('"BUY"', '"**BUY**"')}`)],
  ["LONG", "trading models", "BUY 70", says(GOOD.replace("BUY", "LONG"))],
  ["strong sell", "trading models", "SELL 70", says(GOOD.replace("BUY", "Strong Sell"))],
  [
    "the example, then a vote",
    "small models",
    "BUY 70",
    says(`{"asset": "BTCUSD", "action": "HOLD", "confidence": 50, "reason": "one short sentence"}\n${GOOD}`),
  ],
  ["the same vote twice", "small models", "BUY 70", says(`${GOOD}\n${GOOD}`)],
  [
    "a vote, then words to the limit",
    "small models",
    "BUY 70",
    says(`${GOOD}\nNote that${" and".repeat(99)}`, "length"),
  ],
  ["two different votes", "small models", "abstains", says(`${GOOD}\nOr: ${SELL}`)],
  ["a choice left open", "small models", "abstains", says(GOOD.replace("BUY", "BUY or HOLD"))],
  ["another asset", "small models", "abstains", says(GOOD.replace("BTCUSD", "ETHUSD"))],
  ["prose", "small models", "abstains", says("I would buy, with a confidence of 70.")],
  ["a refusal in prose", "Llama 2", "abstains", says("I'm sorry, but I can't give financial advice.")],
  ["nothing", "gemma, Ollama", "abstains", says("")],
  [
    "a number that was cut off",
    "any",
    "abstains",
    says('{"asset": "BTCUSD", "action": "BUY", "confidence": 7', "length"),
  ],
  ["a filter in the middle", "Azure", "abstains", says('{"asset": "BTCUSD", "acti', "content_filter")],
  [
    "a filtered prompt",
    "Azure",
    "abstains",
    fails(400, {
      message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
      param: "prompt",
      code: "content_filter",
      status: 400,
    }),
  ],
  [
    "a prompt with a risk",
    "DeepSeek",
    "abstains",
    fails(400, { message: "Content Exists Risk", type: "invalid_request_error" }),
  ],
  [
    "invalid JSON, reported as an error",
    "Groq",
    "BUY 70",
    fails(400, {
      message: "Failed to generate JSON. See 'failed_generation'.",
      code: "json_validate_failed",
      failed_generation: `Sure: ${GOOD}`,
    }),
  ],
  [
    "a stream",
    "SGLang",
    "BUY 70",
    events(
      delta({ role: "assistant", content: "" }),
      delta({ reasoning_content: THOUGHTS }),
      delta({ content: GOOD.slice(0, 9) }),
      delta({ content: GOOD.slice(9) }, "stop"),
      "[DONE]",
    ),
  ],
  [
    "a stream of a call",
    "vLLM",
    "BUY 70",
    events(
      delta({ tool_calls: [{ index: 0, id: "t", function: { name: "vote", arguments: "" } }] }),
      delta({ tool_calls: [{ index: 0, function: { arguments: GOOD } }] }, "tool_calls"),
      "[DONE]",
    ),
  ],
  ["a stream that was cut off", "any", "waits, then stops", events(delta({ content: GOOD.slice(0, 30) }))],
  [
    "an error in a stream",
    "OpenRouter",
    "waits, then stops",
    events({ error: { code: 502, message: "Provider disconnected" } }),
  ],
  [
    "keep-alive comments",
    "OpenRouter",
    "BUY 70",
    () => new Response(`: OPENROUTER PROCESSING\n\n${JSON.stringify({ choices: [{ message: { content: GOOD } }] })}`),
  ],
  [
    "an error in a choice",
    "OpenRouter",
    "waits, then stops",
    () =>
      Response.json({
        choices: [
          {
            error: { code: 502, message: "Provider returned error" },
            finish_reason: "error",
            message: { content: "" },
          },
        ],
      }),
  ],
  ["an answer ended by an error", "Bifrost, z.AI", "waits, then stops", says(GOOD.slice(0, 20), "error")],
  ["no resources", "DeepSeek", "waits, then stops", says("", "insufficient_system_resource")],
  [
    "an error in a list",
    "Gemini's OpenAI API",
    "waits, then stops",
    () => Response.json([{ error: { code: 503, message: "The model is overloaded.", status: "UNAVAILABLE" } }]),
  ],
  [
    "an error object",
    "vLLM",
    "stops",
    () =>
      Response.json(
        { object: "error", message: "The model `x` does not exist.", type: "NotFoundError", code: 404 },
        { status: 404 },
      ),
  ],
  [
    "a page in status 200",
    "nginx, Cloudflare",
    "waits, then stops",
    () => new Response("<!DOCTYPE html><title>Just a moment...</title>"),
  ],
  [
    "a sentence in status 200",
    "Envoy",
    "waits, then stops",
    () => new Response("upstream connect error or disconnect/reset before headers"),
  ],
  ["JSON that was cut off", "proxies", "waits, then stops", () => new Response('{"choices":[{"message":{"content":"{')],
  [
    "a timeout of a gateway",
    "Cloudflare",
    "waits, then stops",
    () => new Response("<html><h1>524: A timeout occurred</h1></html>", { status: 524 }),
  ],
  ["status 425", "any", "waits, then stops", () => new Response("", { status: 425 })],
  [
    "a model that is being loaded",
    "llama.cpp",
    "waits, then stops",
    fails(503, { code: 503, message: "Loading model", type: "unavailable_error" }),
  ],
  ["a wait of hours", "any", "stops", fails(429, { message: "Too many" }, { "retry-after": "7200" })],
  [
    "the quota of a day",
    "Groq",
    "stops",
    fails(429, {
      message: "Rate limit reached on tokens per day (TPD). Please try again in 9m38.016s.",
      code: "rate_limit_exceeded",
    }),
  ],
  [
    "no credit",
    "Anthropic, by a proxy",
    "stops",
    fails(400, { message: "Your credit balance is too low to access the API." }),
  ],
  [
    "no credit in status 200",
    "OpenRouter",
    "stops",
    () => Response.json({ error: { code: 402, message: "Insufficient credits" } }),
  ],
  ["no formats at all", "any", "stops", fails(400, "'response_format' is not supported")],
];

const GEMINI: readonly Row[] = [
  [
    "a function call",
    "Gemini",
    "BUY 70",
    gemini({ ...parts({ functionCall: { name: "vote", args: VOTE } }), finishReason: "STOP" }),
  ],
  [
    "thoughts alone",
    "Gemini 2.5",
    "abstains",
    gemini({ ...parts({ text: THOUGHTS, thought: true }), finishReason: "STOP" }),
  ],
  [
    "a vote in two parts",
    "Gemini",
    "BUY 70",
    gemini({ ...parts({ text: GOOD.slice(0, 20) }, { text: GOOD.slice(20) }), finishReason: "STOP" }),
  ],
  ["a malformed call", "Gemini", "abstains", gemini({ content: {}, finishReason: "MALFORMED_FUNCTION_CALL" })],
  ["a recitation", "Gemini", "abstains", gemini({ content: {}, finishReason: "RECITATION" })],
  [
    "no candidates",
    "Gemini",
    "waits, then stops",
    () => Response.json({ usageMetadata: { promptTokenCount: 900, totalTokenCount: 900 } }),
  ],
];

const CLAUDE: readonly Row[] = [
  ["a text", "Claude", "BUY 70", claude([{ type: "text", text: GOOD }])],
  [
    "thinking and a text",
    "Claude",
    "BUY 70",
    claude([
      { type: "thinking", thinking: THOUGHTS, signature: "s" },
      { type: "text", text: GOOD },
    ]),
  ],
  [
    "a tool's input",
    "Claude",
    "BUY 70",
    claude([{ type: "tool_use", id: "t", name: "vote", input: VOTE }], "tool_use"),
  ],
  ["cut off", "Claude", "abstains", claude([{ type: "text", text: GOOD.slice(0, 30) }], "max_tokens")],
  ["a refusal", "Claude", "abstains", claude([{ type: "text", text: "I can't help." }], "refusal")],
  [
    "an overload",
    "Claude",
    "waits, then stops",
    () => Response.json({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }, { status: 529 }),
  ],
];

/** Shapes beyond the fixture's. */
export const MORE_SHAPES: readonly Shape[] = (
  [
    ["openai-compatible", CHAT],
    ["google", GEMINI],
    ["anthropic", CLAUDE],
  ] as const
).flatMap(([api, rows]) => rows.map(([name, of, reading, respond]) => ({ name, of, api, reading, respond })));
