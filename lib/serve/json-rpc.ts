/** JSON-RPC 2.0 (jsonrpc.org/specification): a message or a batch of them, and what is answered. */
import { CarryoverError, type ErrorCode, messageOf } from "../errors.ts";
import { isRecord, type Json } from "../util/json.ts";
import { ParamError } from "./param-error.ts";

/** Larger messages are refused. */
export const MAX_MESSAGE_BYTES: number = 1 << 20;

/** The codes of errors: those of the specification, and our own from -32001 on. */
const RPC_CODES = { parse: -32700, request: -32600, method: -32601, params: -32602, internal: -32603 } as const;

const CODES: Readonly<Record<ErrorCode, number>> = {
  BAD_USAGE: RPC_CODES.params,
  BAD_CONFIG: RPC_CODES.params,
  BAD_OUTCOME: RPC_CODES.params,
  BAD_DATA: RPC_CODES.params,
  NOT_FOUND: -32001,
  CONFLICT: -32002,
  LOCKED: -32003,
  READ_ONLY: -32004,
  IO: -32005,
  CORRUPT: -32006,
  BUDGET: RPC_CODES.internal,
  UNANSWERED: RPC_CODES.internal,
};

/** The error of an answer. */
export interface RpcError {
  readonly code: number;
  readonly message: string;
  /** `code`: as in `ErrorCode`; `field`: the parameter that is wrong. */
  readonly data?: { readonly code: ErrorCode; readonly field?: string };
}

/** A method that does not exist. */
export class UnknownMethod extends CarryoverError {}

/** What answers requests. */
export interface RpcHandler {
  /** @throws {UnknownMethod} */
  readonly call: (method: string, params: unknown) => Promise<unknown>;
  /** Told of errors that are bugs. */
  readonly onBug: (error: unknown) => void;
}

type Id = string | number | null;

/** Answers a message. @returns JSON on one line; `undefined` if it asks for no answer. */
export async function answerMessage(text: string, handler: RpcHandler): Promise<string | undefined> {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch (error) {
    return JSON.stringify(unreadable(text, error));
  }
  if (!Array.isArray(message)) {
    const answer = await answerRequest(message, handler);
    return answer === undefined ? undefined : JSON.stringify(answer);
  }
  if (message.length === 0) return JSON.stringify(failed(null, invalid("an empty batch", "one request or more")));
  const answers = await Promise.all(message.map((request: unknown) => answerRequest(request, handler)));
  const wanted = answers.filter((answer) => answer !== undefined);
  return wanted.length === 0 ? undefined : JSON.stringify(wanted);
}

/** The answer to a message that is too large to be read. */
export function tooLarge(): string {
  return JSON.stringify(failed(null, invalid(`more than ${MAX_MESSAGE_BYTES} bytes`, "a smaller message")));
}

async function answerRequest(request: unknown, handler: RpcHandler): Promise<object | undefined> {
  if (!isRecord(request)) return failed(null, invalid("no object", "a request"));
  const { id, method } = request;
  const params = request["params"] ?? {};
  const answerTo: Id = typeof id === "string" || typeof id === "number" ? id : null;
  if (request["jsonrpc"] !== "2.0") return failed(answerTo, invalid("another version", '"jsonrpc": "2.0"'));
  if (typeof method !== "string") return failed(answerTo, invalid("no method", "its name"));
  if (id !== undefined && id !== null && answerTo === null)
    return failed(null, invalid("an id of another kind", "a text, a number or null"));
  // A notification is not answered, not even if it fails.
  const isNotification = !("id" in request);
  try {
    if (!isRecord(params)) {
      const message = `Cannot ${method}: found params that are no map, expected them by name`;
      throw new ParamError(message, { field: "params" });
    }
    const result = (await handler.call(method, params)) as Json;
    return isNotification ? undefined : { jsonrpc: "2.0", id: answerTo, result };
  } catch (error) {
    const told = rpcErrorOf(error, handler);
    return isNotification ? undefined : failed(answerTo, told);
  }
}

/** What a client is told of an error. */
export function rpcErrorOf(error: unknown, { onBug }: Pick<RpcHandler, "onBug">): RpcError {
  if (error instanceof UnknownMethod) return { code: RPC_CODES.method, message: error.message };
  if (error instanceof CarryoverError) {
    const { code, message } = error;
    const field = error instanceof ParamError && error.field !== "" ? { field: error.field } : {};
    return { code: CODES[code], message, data: { code, ...field } };
  }
  onBug(error);
  return { code: RPC_CODES.internal, message: `This is a bug in Carryover: ${messageOf(error)}` };
}

function failed(id: Id, error: RpcError): object {
  return { jsonrpc: "2.0", id, error };
}

function invalid(found: string, expected: string): RpcError {
  return { code: RPC_CODES.request, message: `Cannot read the request: found ${found}, expected ${expected}` };
}

/** What other languages write where JSON has no number. */
const NO_NUMBER = /"([^"\\]{1,60})"\s*:\s*(-?Infinity|NaN)\b/;

/** Names the field, if what makes a message no JSON is a number that is none. */
function unreadable(text: string, error: unknown): object {
  const [, field, value] = NO_NUMBER.exec(text) ?? [];
  if (field === undefined) {
    const message = `Cannot read the message: found ${messageOf(error)}, expected JSON on one line`;
    return failed(null, { code: RPC_CODES.parse, message });
  }
  const message = `Cannot read the message: found ${value} for ${field}, expected a number, or null`;
  return failed(idIn(text), { code: RPC_CODES.parse, message, data: { code: "BAD_USAGE", field } });
}

/** The id of a request that would be JSON without such numbers. */
function idIn(text: string): Id {
  try {
    const request: unknown = JSON.parse(text.replaceAll(/(:\s*)(?:-?Infinity|NaN)\b/g, "$1null"));
    const id = isRecord(request) ? request["id"] : null;
    return typeof id === "string" || typeof id === "number" ? id : null;
  } catch {
    return null;
  }
}
