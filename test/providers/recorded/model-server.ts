/** A server on the loopback that speaks the protocols of OpenAI (also Ollama's), Gemini and Anthropic, in the shape of real responses. */
import { createHash } from "node:crypto";

/** A request as the server got it. */
export interface ModelRequest {
  readonly api: "openai" | "google" | "anthropic";
  readonly path: string;
  readonly headers: Headers;
  readonly model: string;
  /** The texts of the user's and the model's turns. */
  readonly turns: readonly string[];
  /** The whole body. */
  readonly body: Record<string, unknown>;
  /** The number of requests before it. */
  readonly number: number;
}

/** Answers a request: with a model's text, or with a whole response. */
export type Respond = (request: ModelRequest) => string | Response | Promise<string | Response>;

export interface ModelServer {
  /** The `base_url` for OpenAI's protocol. */
  readonly openaiUrl: string;
  /** The `base_url` for Gemini's. */
  readonly googleUrl: string;
  readonly requests: ModelRequest[];
  /** How often each prompt was answered with a text. */
  readonly answered: Map<string, number>;
  stop(): Promise<void>;
}

/** Starts a server. */
export function startModelServer(respond: Respond): ModelServer {
  const requests: ModelRequest[] = [];
  const answered = new Map<string, number>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const path = new URL(request.url).pathname;
      const body = (await request.json()) as Record<string, unknown>;
      const api = path.startsWith("/v1beta/") ? "google" : path.endsWith("/messages") ? "anthropic" : "openai";
      const turns = api === "google" ? googleTurns(body) : openaiTurns(body);
      const model =
        api === "google" ? (/models\/([^:]+):generateContent$/.exec(path)?.[1] ?? "") : String(body["model"]);
      const got = { api, path, headers: request.headers, model, turns, body, number: requests.length } as const;
      requests.push(got);
      const answer = await respond(got);
      if (answer instanceof Response) return answer;
      const key = `${model} ${turns.join("\n")}`;
      answered.set(key, (answered.get(key) ?? 0) + 1);
      return Response.json(ANSWERS[api](answer, model));
    },
  });
  return {
    openaiUrl: `http://127.0.0.1:${server.port}/v1`,
    googleUrl: `http://127.0.0.1:${server.port}/v1beta`,
    requests,
    answered,
    stop: () => server.stop(true),
  };
}

const ANSWERS = {
  openai: (text: string, model: string) => openaiAnswer(text, model),
  google: (text: string, model: string) => googleAnswer(text, model),
  anthropic: (text: string, model: string) => anthropicAnswer(text, model),
} as const;

/** An answer in the form of an API. */
export function answerIn(api: "openai" | "openai-compatible" | "google" | "anthropic", text: string): object {
  return ANSWERS[api === "openai-compatible" ? "openai" : api](text, "a-model");
}

/** A vote as JSON, chosen by model and prompt alone. */
export function someVote({ model, turns }: Pick<ModelRequest, "model" | "turns">): string {
  const [prompt = ""] = turns;
  const digest = createHash("sha256").update(`${model} ${prompt}`).digest();
  const action = ["BUY", "SELL", "HOLD"][(digest[0] ?? 0) % 3];
  const confidence = (digest[1] ?? 0) % 101;
  // 1 would be asked again, since it may mean 1 % or 100 %.
  return JSON.stringify({
    asset: assetOf(prompt),
    action,
    confidence: confidence === 1 ? 2 : confidence,
    reason: "a coin",
  });
}

/** The asset that a prompt asks about. */
export function assetOf(prompt: string): string {
  return /\{"asset": "([^"]*)"/.exec(prompt)?.[1] ?? "";
}

function openaiTurns(body: Record<string, unknown>): string[] {
  return (body["messages"] as { content: string | { text: string }[] }[]).map(({ content }) =>
    typeof content === "string" ? content : content.map(({ text }) => text).join(""),
  );
}

function googleTurns(body: Record<string, unknown>): string[] {
  return (body["contents"] as { parts: { text: string }[] }[]).map(({ parts }) =>
    parts.map(({ text }) => text).join(""),
  );
}

/** As Ollama 0.5 answers `POST /v1/chat/completions`; OpenAI's has more in `usage`. */
export function openaiAnswer(text: string, model: string, finish = "stop"): object {
  return {
    id: "chatcmpl-441",
    object: "chat.completion",
    created: 1_733_000_000,
    model,
    system_fingerprint: "fp_ollama",
    choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: finish }],
    usage: { prompt_tokens: 700, completion_tokens: 40, total_tokens: 740 },
  };
}

/** As `POST /v1beta/models/<model>:generateContent` answers. */
export function googleAnswer(text: string, model: string): object {
  return {
    candidates: [
      {
        content: { parts: [{ text }], role: "model" },
        finishReason: "STOP",
        index: 0,
      },
    ],
    usageMetadata: { promptTokenCount: 700, candidatesTokenCount: 40, totalTokenCount: 740 },
    modelVersion: model,
    responseId: "x",
  };
}

/** As `POST /v1/messages` answers. */
export function anthropicAnswer(text: string, model: string, stop = "end_turn"): object {
  return {
    id: "msg_01XFDUDYJgAACzvnptvVoYEL",
    type: "message",
    role: "assistant",
    model,
    content: [{ type: "text", text }],
    stop_reason: stop,
    stop_sequence: null,
    usage: { input_tokens: 700, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 40 },
  };
}
