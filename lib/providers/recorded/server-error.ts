/** Errors as servers of language models word them, in the body of a response of any status. */
import { isRecord } from "../../util/json.ts";

/** What a server says went wrong. */
export interface ServerError {
  /** In words; may be empty. */
  readonly message: string;
  /** The status that belongs to it, also where the response came with 200. */
  readonly status: number | undefined;
  /** Its codes and types, such as `insufficient_quota`, in lower case. */
  readonly codes: readonly string[];
  /** The parameter of the request that it is about, such as `max_tokens`. */
  readonly parameter: string | undefined;
  /** What the model wrote where the server only reports that it is no valid JSON (Groq). */
  readonly failedGeneration: string | undefined;
}

/**
 * Finds the error in a response's body. The forms are those of OpenAI, OpenRouter, Gemini (also as a list of one), Anthropic,
 * vLLM (`"object": "error"`), Ollama and LM Studio (a text), FastAPI (`detail`) and Cloudflare (`errors`).
 *
 * @returns `undefined` if it is no error, but an answer.
 */
export function serverErrorIn(body: unknown): ServerError | undefined {
  if (Array.isArray(body)) return body.length === 0 ? undefined : serverErrorIn(body[0]);
  if (!isRecord(body)) return undefined;
  const { error, errors, choices, candidates, detail, object, type, message } = body;
  const [choice] = Array.isArray(choices) ? (choices as readonly unknown[]) : [];
  if (isRecord(choice) && isPresent(choice["error"])) return errorOf(choice["error"]);
  if (isPresent(error)) return errorOf(error);
  if (Array.isArray(errors) && errors.length > 0) return errorOf(errors[0]);
  if (choices !== undefined || candidates !== undefined) return undefined;
  if (object === "error" || type === "error" || (typeof message === "string" && Object.keys(body).length <= 4))
    return errorOf(body);
  return isPresent(detail) ? errorOf(detail) : undefined;
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== "";
}

function errorOf(error: unknown): ServerError {
  if (!isRecord(error)) {
    const message = typeof error === "string" ? error : (JSON.stringify(error) ?? "");
    return { message, status: statusOf([], message), codes: [], parameter: undefined, failedGeneration: undefined };
  }
  const inner = typeof error["error"] === "string" ? error["error"] : undefined;
  const metadata = isRecord(error["metadata"]) ? error["metadata"] : {};
  const words = [error["message"], error["detail"], inner, metadata["raw"]].filter((each) => typeof each === "string");
  const message = words.join(": ") || JSON.stringify(error);
  const { code, status, type, param, failed_generation: failed } = error;
  const codes = [code, status, type].filter((each) => typeof each === "string").map((each) => each.toLowerCase());
  const number = [code, status].map(Number).find((each) => Number.isInteger(each) && each >= 400 && each < 600);
  return {
    message,
    status: number ?? statusOf(codes, message),
    codes,
    parameter: typeof param === "string" ? param : undefined,
    failedGeneration: typeof failed === "string" && failed !== "" ? failed : undefined,
  };
}

/** Words in codes and messages that stand for a status. The first that matches counts. */
const STATUSES: readonly (readonly [RegExp, number])[] = [
  [/rate.?limit|too many|resource.exhausted|quota|throttl/, 429],
  [/overload|unavailable|loading|no capacity|at capacity|server.?busy/, 503],
  [/api.?key|unauthor|unauthenticated|authentication/, 401],
  [/insufficient.?(?:credit|balance|funds)|payment|billing/, 402],
  [/permission/, 403],
  [/not.?found|does not exist|no such model|try pulling/, 404],
  [/timeout|timed.out/, 504],
  [/invalid.?request|bad.?request|invalid.?argument|unsupported|context/, 400],
];

function statusOf(codes: readonly string[], message: string): number | undefined {
  for (const text of [codes.join(" "), message.toLowerCase()]) {
    const found = STATUSES.find(([words]) => words.test(text));
    if (found !== undefined) return found[1];
  }
  return undefined;
}
