/** Responses as servers really send them, brought into the form that the AI SDK reads. */
import { isRecord } from "../../util/json.ts";
import { chatAnswer, joinChatEvents } from "./chat-answer.ts";
import { replaceBody, type Fetch } from "./guarded-fetch.ts";
import type { Protocol as ProtocolName } from "./llm-api.ts";
import { RequestFailure } from "./retries.ts";
import { serverErrorIn } from "./server-error.ts";

/** What is special about a protocol. */
interface Protocol {
  /** Brings an answer into form; `undefined` if nothing in it was said by a model. */
  readonly answer: (body: Readonly<Record<string, unknown>>) => object | undefined;
  /** Joins the events of a stream. @default the last event is the answer */
  readonly join?: (events: readonly unknown[], options: { isDone: boolean }) => object | undefined;
  /** Where tokens are counted: `input` must be there, and one of `outputs`. @default the counts are left as they are */
  readonly counts?: {
    readonly field: string;
    readonly input: string;
    readonly outputs: readonly string[];
    readonly others?: readonly string[];
    /** What the SDK takes for no counts. @default null */
    readonly none?: object;
  };
}

const OPENAI: Protocol = {
  answer: chatAnswer,
  join: joinChatEvents,
  counts: { field: "usage", input: "prompt_tokens", outputs: ["completion_tokens"] },
};

const PROTOCOLS: Readonly<Record<ProtocolName, Protocol>> = {
  "openai-compatible": OPENAI,
  openai: OPENAI,
  google: {
    answer: (body) => (isPresent(body["candidates"]) || isRecord(body["promptFeedback"]) ? body : undefined),
    counts: {
      field: "usageMetadata",
      input: "promptTokenCount",
      // A model that was cut off while it thought has no tokens of candidates.
      outputs: ["candidatesTokenCount", "thoughtsTokenCount"],
      others: ["toolUsePromptTokenCount"],
    },
  },
  anthropic: {
    answer: (body) => (Array.isArray(body["content"]) ? body : undefined),
    counts: {
      field: "usage",
      input: "input_tokens",
      outputs: ["output_tokens"],
      others: ["cache_creation_input_tokens", "cache_read_input_tokens"],
      // It insists on numbers. These are no counts, and are estimated.
      none: { input_tokens: -1, output_tokens: -1 },
    },
  },
  package: { answer: (body) => body },
};

function isPresent(list: unknown): boolean {
  return Array.isArray(list) && list.length > 0;
}

/**
 * Returns a `fetch` whose answers the SDK reads: one JSON object in the protocol's form, also where the server sent events or
 * lines that keep the connection alive. An error in a response of status 200 gets a status of its own.
 *
 * @param options `hide`: removes the key from a text.
 * @throws {RequestFailure} For a response that is no answer: empty, a page, cut off.
 */
export function readableFetch(
  fetch: Fetch,
  { protocol: name, hide }: { protocol: ProtocolName; hide: (text: string) => string },
): Fetch {
  const protocol = PROTOCOLS[name];
  return async (input, init) => {
    const response = await fetch(input, init);
    // Here, since messages quote parts of it: of a key that is cut in two, a half would be left.
    const text = hide(await response.text());
    if (!response.ok) return replaceBody(response, text);
    const body = bodyOf(text, protocol);
    const error = serverErrorIn(body);
    if (error !== undefined) return replaceBody(response, JSON.stringify(body), error.status ?? 500);
    const answer = isRecord(body) ? protocol.answer(body) : undefined;
    if (answer === undefined) throw noAnswer(`found ${JSON.stringify(text.trim().slice(0, MAX_QUOTED))}`);
    return replaceBody(response, JSON.stringify(withSoundUsage({ ...answer }, protocol)));
  };
}

/** Characters of a body that a message quotes. */
const MAX_QUOTED = 80;

function noAnswer(what: string, options: { mayBeBilled?: boolean } = {}): RequestFailure {
  return new RequestFailure(`no answer from the server: ${what}`, { isTransient: true, ...options });
}

function bodyOf(text: string, { join }: Protocol): unknown {
  // Comments of an event stream keep a connection alive, also where no stream was asked for.
  const lines = text.split("\n").filter((line) => !line.startsWith(":"));
  const isStream = /^(?:data|event|id|retry):/.test(lines.find((line) => line.trim() !== "") ?? "");
  if (!isStream) return decode(lines.join("\n"));
  const data = lines.flatMap((line) => (line.startsWith("data:") ? [line.slice(5).trim()] : []));
  const events = data.filter((each) => each !== "" && each !== "[DONE]").map(decode);
  const failed = events.find((event) => serverErrorIn(event) !== undefined);
  const joined = failed ?? (join === undefined ? events.at(-1) : join(events, { isDone: data.at(-1) === "[DONE]" }));
  if (joined === undefined) throw noAnswer("found a stream that was cut off", { mayBeBilled: true });
  return joined;
}

function decode(text: string): unknown {
  const json = text.trim();
  try {
    return JSON.parse(json);
  } catch {
    if (json === "") throw noAnswer("found an empty response");
    if (json.startsWith("<")) throw noAnswer(`found the page ${JSON.stringify(titleOf(json))}`);
    if (/^[{[]/.test(json)) throw noAnswer("found JSON that was cut off", { mayBeBilled: true });
    throw noAnswer(`found ${JSON.stringify(json.slice(0, MAX_QUOTED))}`);
  }
}

/** What an HTML page says, as far as a message needs it. */
export function titleOf(html: string): string {
  const title = /<(?:title|h1)[^>]*>([^<]*)/i.exec(html)?.[1] ?? html.replaceAll(/<[^>]*>/g, " ");
  return title.replaceAll(/\s+/g, " ").trim().slice(0, MAX_QUOTED);
}

/**
 * Keeps only the token counts that are used, and none if one of them is missing or no number. The SDK takes a missing count
 * for 0, and rejects a good vote for a count of another type.
 */
function withSoundUsage(body: Record<string, unknown>, { counts }: Protocol): Record<string, unknown> {
  if (counts === undefined) return body;
  const { field, input, outputs, others = [], none = null } = counts;
  const usage = isRecord(body[field]) ? body[field] : {};
  const keys = [input, ...outputs, ...others].filter((key) => (usage[key] ?? undefined) !== undefined);
  const isSound =
    keys.every((key) => Number.isFinite(usage[key])) &&
    keys.includes(input) &&
    outputs.some((output) => keys.includes(output));
  return { ...body, [field]: isSound ? Object.fromEntries(keys.map((key) => [key, usage[key]])) : none };
}
