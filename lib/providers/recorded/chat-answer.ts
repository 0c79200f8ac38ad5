/** Answers in OpenAI's protocol, as the many servers that speak it fill it in. */
import { isRecord } from "../../util/json.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A message in the form that the AI SDK takes. */
interface ChatMessage {
  readonly role: "assistant";
  readonly content: string;
  readonly reasoning_content: string;
  readonly refusal: string | null;
  readonly tool_calls: readonly ToolCall[];
}

interface ToolCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
}

/** An answer in the form that the AI SDK takes. */
interface ChatAnswer {
  readonly choices: readonly {
    readonly index: 0;
    readonly message: ChatMessage;
    readonly finish_reason: string | null;
  }[];
  readonly usage: unknown;
}

/** Brings an answer into form; `undefined` if nothing in it was said by a model. */
export function chatAnswer(body: Fields): ChatAnswer | undefined {
  const { choices, message, usage } = body;
  // Ollama's own protocol has the message without choices.
  const [choice] = Array.isArray(choices) ? (choices as readonly unknown[]) : [isRecord(message) ? body : undefined];
  if (!isRecord(choice)) return undefined;
  const finish = choice["finish_reason"] ?? choice["done_reason"];
  return {
    choices: [{ index: 0, message: messageOf(choice), finish_reason: typeof finish === "string" ? finish : null }],
    usage,
  };
}

/**
 * Joins the events of a stream into one answer.
 *
 * @param options `isDone`: whether the stream said that it is whole.
 * @returns `undefined` if they are no answer, or not all of one.
 */
export function joinChatEvents(events: readonly unknown[], options: { isDone: boolean }): ChatAnswer | undefined {
  const answers = events.flatMap((event) => (isRecord(event) ? (chatAnswer(event) ?? []) : []));
  const choices = answers.flatMap((answer) => answer.choices);
  const finish = choices.findLast((choice) => choice.finish_reason !== null)?.finish_reason ?? null;
  if (choices.length === 0 || (finish === null && !options.isDone)) return undefined;
  const messages = choices.map(({ message }) => message);
  const message: ChatMessage = {
    role: "assistant",
    content: messages.map(({ content }) => content).join(""),
    reasoning_content: messages.map((each) => each.reasoning_content).join(""),
    refusal: messages.map(({ refusal }) => refusal ?? "").join("") || null,
    tool_calls: joinCalls(messages.flatMap(({ tool_calls }) => tool_calls)),
  };
  const usage = answers.findLast((answer) => isRecord(answer.usage))?.usage;
  return { choices: [{ index: 0, message, finish_reason: finish }], usage };
}

/** Joins the pieces of calls: the first piece of each has its id. */
function joinCalls(pieces: readonly ToolCall[]): readonly ToolCall[] {
  const calls: ToolCall[] = [];
  for (const piece of pieces) {
    const last = calls.at(-1);
    if (last === undefined || (piece.id !== "" && piece.id !== last.id)) calls.push(piece);
    else {
      const whole = last.function.arguments + piece.function.arguments;
      calls[calls.length - 1] = { ...last, function: { ...last.function, arguments: whole } };
    }
  }
  return calls;
}

function messageOf(choice: Fields): ChatMessage {
  const said = choice["message"] ?? choice["delta"] ?? choice["text"];
  const message: Fields = isRecord(said) ? said : { content: said };
  const { refusal, tool_calls: calls, function_call: call } = message;
  const { text, thoughts } = partsOf(message["content"]);
  return {
    role: "assistant",
    content: text,
    reasoning_content: thoughtsOf(message) + thoughts,
    refusal: typeof refusal === "string" && refusal !== "" ? refusal : null,
    tool_calls: (Array.isArray(calls) ? (calls as readonly unknown[]) : [{ function: call }]).flatMap(toolCallOf),
  };
}

/** The thoughts under the names that servers give them, without repeating those that have two. */
function thoughtsOf(message: Fields): string {
  const names = ["reasoning_content", "reasoning", "thinking", "reasoning_details"];
  return names.map((name) => textOf(message[name])).find((text) => text !== "") ?? "";
}

/** A content is a text, a list of parts, or in some servers the object that the model wrote. */
function partsOf(content: unknown): { text: string; thoughts: string } {
  if (!Array.isArray(content)) return { text: textOf(content), thoughts: "" };
  const parts = content as readonly unknown[];
  const isThought = (part: unknown): boolean => isRecord(part) && /think|reason/.test(String(part["type"]));
  const join = (some: readonly unknown[]): string => some.map(textOf).join("");
  return { text: join(parts.filter((part) => !isThought(part))), thoughts: join(parts.filter(isThought)) };
}

function textOf(value: unknown): string {
  if (value === undefined || value === null || typeof value === "boolean") return "";
  if (!isRecord(value)) return Array.isArray(value) ? value.map(textOf).join("") : String(value);
  const { type, text, thinking, summary, content, input } = value;
  const part = [text, thinking, summary, content, input].find(
    (each) => typeof each === "string" || Array.isArray(each) || isRecord(each),
  );
  if (part !== undefined) return textOf(part);
  return typeof type === "string" ? "" : JSON.stringify(value);
}

function toolCallOf(call: unknown): readonly ToolCall[] {
  const { id, function: called } = isRecord(call) ? call : {};
  if (!isRecord(called)) return [];
  const { name, arguments: given } = called;
  const text = typeof given === "string" ? given : isRecord(given) ? JSON.stringify(given) : "";
  return [
    {
      id: typeof id === "string" ? id : "",
      type: "function",
      function: { name: typeof name === "string" ? name : "", arguments: text },
    },
  ];
}
