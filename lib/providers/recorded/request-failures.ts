import type { APICallError } from "ai";
import { messageOf } from "../../errors.ts";
import type { Said } from "./answer.ts";
import { titleOf } from "./readable-response.ts";
import { cureFor } from "./request-parameters.ts";
import { RequestFailure } from "./retries.ts";
import { type ServerError, serverErrorIn } from "./server-error.ts";
import { waitOfBody, waitOfHeaders } from "./wait-times.ts";

/** The server that a request went to. */
interface Server {
  readonly address: string;
  readonly model: string;
  /** Wall-clock time, epoch ms. */
  readonly now: () => number;
}

/** Statuses that neither another try nor another question changes, and what would. */
const HOPELESS: Readonly<Record<number, string>> = {
  401: "a key that the server takes",
  402: "an account that can pay",
  403: "a key that may use this model",
  404: "a model that the server has, and its base_url",
  407: "a proxy that lets requests through",
};

/** Statuses below 500 after which another try may succeed. 501 never does. */
const TRANSIENT = [408, 409, 425, 429];
const NOT_IMPLEMENTED = 501;

const AVAILABLE_SERVER = "a server that takes questions";

/** A limit that is not only for a minute, in codes and words, and a credit that is spent. */
const FOR_TODAY = /per.?day|daily|\((?:TPD|RPD)\)|monthly/i;
const SPENT = ["insufficient_quota", "billing_hard_limit_reached"];

/** Codes of the system for a server that cannot be reached. */
const UNREACHABLE = ["EAI_AGAIN", "ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND"];

/** Codes of Bun for a failed TLS handshake, after which nothing is sent. Most are OpenSSL's names of problems with a certificate. */
const TLS_CODE = /CERT|SIGNATURE|ISSUER|CRL|TLS|SSL|^EPROTO$|^HOSTNAME_MISMATCH$|^INVALID_|^PATH_LENGTH_EXCEEDED$/;

/** A response with an error status, or one that does not follow the protocol. */
export function statusFailure(error: APICallError, server: Server): RequestFailure {
  const { statusCode: status, responseHeaders: headers = {}, responseBody: body = "" } = error;
  if (status === undefined || (status >= 200 && status < 300)) return transportFailure(error.cause ?? error, server);
  const said = errorOf(body) ?? { message: error.message, codes: [], parameter: undefined };
  const found = `status ${status} from the server${said.message === "" ? "" : `: ${oneLine(said.message)}`}`;
  const kind = accountProblem(said, { status, body }) ?? status;
  const hopeless = HOPELESS[kind];
  if (hopeless !== undefined) {
    const place = `status ${status} from "${server.address}" for the model "${server.model}"`;
    const words = said.message === "" ? "" : ` (${oneLine(said.message)})`;
    const { pathname } = new URL(error.url);
    const [asked, advice] =
      kind === 404 ? [` to POST ${pathname}`, /\/v1/.test(pathname) ? "" : "; most end in /v1"] : ["", ""];
    return new RequestFailure(`${place}${words}${asked}`, { isFatal: true, expected: `${hopeless}${advice}` });
  }
  if (status === 429) return limitFailure(found, said, { headers, body, now: server.now() });
  if (/requires more (?:system )?memory/.test(said.message)) {
    return new RequestFailure(found, { isFatal: true, expected: "a smaller model, or more memory for it" });
  }
  if ((status >= 500 && status !== NOT_IMPLEMENTED) || TRANSIENT.includes(status)) {
    const retryAfterMs = waitOfHeaders(headers, server.now()) ?? waitOfBody(body);
    return new RequestFailure(found, { isTransient: true, retryAfterMs, expected: AVAILABLE_SERVER });
  }
  return new RequestFailure(found, rejection(said));
}

/** Too many requests: for a minute, which can be waited for, or for today. */
function limitFailure(
  found: string,
  { message, codes }: Pick<ServerError, "message" | "codes">,
  { headers, body, now }: { headers: Readonly<Record<string, string>>; body: string; now: number },
): RequestFailure {
  const ofHeaders = waitOfHeaders({ ...embeddedHeaders(body), ...headers }, now);
  // Gemini asks to wait for seconds also where the quota of a day is used up.
  const isSpent = SPENT.some((code) => codes.includes(code)) || /"quotaId"\s*:\s*"[^"]*PerDay/.test(body);
  const retryAfterMs = ofHeaders ?? waitOfBody(body);
  if (isSpent || (retryAfterMs === undefined && FOR_TODAY.test(message))) {
    return new RequestFailure(found, {
      expected: "a quota that is not used up: run the same command again when the quota is renewed",
    });
  }
  return new RequestFailure(found, { isTransient: true, isLimit: true, retryAfterMs, expected: AVAILABLE_SERVER });
}

/** The headers that OpenRouter puts into its errors, by their names in lower case. */
function embeddedHeaders(body: string): Readonly<Record<string, string>> {
  const pairs = [...body.matchAll(/"(X-RateLimit-[\w-]+)"\s*:\s*"([^"]*)"/gi)];
  return Object.fromEntries(pairs.map(([, name = "", value = ""]) => [name.toLowerCase(), value]));
}

/** The status of what servers report with others: a wrong key (Gemini, 400), and an account without credit (Anthropic, 400). */
function accountProblem(
  { message }: Pick<ServerError, "message">,
  { status, body }: { status: number; body: string },
): number | undefined {
  // In Gemini's case google.rpc.ErrorInfo, in the error's details.
  if (status === 400 && /"reason"\s*:\s*"API_KEY_INVALID"/.test(body)) return 401;
  return status < 500 && /credit balance|insufficient (?:balance|credits)/i.test(message) ? 402 : undefined;
}

/** What would help a request that the server refuses as it is. */
function rejection(said: Omit<ServerError, "status" | "failedGeneration">): RequestFailure["traits"] {
  const text = `${said.codes.join(" ")} ${said.message}`;
  if (CONTEXT_TOO_SHORT.test(text)) {
    return {
      expected: "a prompt that fits the model's context: a shorter prompt_file, or a server with a longer context",
    };
  }
  return { cure: cureFor(said), expected: "a request that the server takes" };
}

const CONTEXT_TOO_SHORT =
  /context.?(?:length|size|window)|maximum context|prompt is too long|too many (?:input )?tokens|input token count|`inputs` tokens/i;

const FILTERED = /content.?(?:filter|management|policy|exists risk)|data_inspection_failed|moderation|flagged/i;

/**
 * What was said after all in a response with an error status: what the model wrote where a server only reports that it is no valid
 * JSON (Groq), or the refusal of a server that checks prompts (Azure, OpenRouter, DeepSeek).
 */
export function answerInError({ statusCode: status = 0, responseBody: body = "" }: APICallError): Said | undefined {
  const error = status >= 400 && status < 500 ? errorOf(body) : undefined;
  if (error?.failedGeneration !== undefined) return { text: error.failedGeneration };
  const isFiltered =
    error !== undefined && status !== 429 && FILTERED.test(`${error.codes.join(" ")} ${error.message}`);
  return isFiltered ? { text: error.message, ended: "refused" } : undefined;
}

/** No connection, one that was cut, or an answer that does not follow the protocol. */
export function transportFailure(error: unknown, server: Server): RequestFailure {
  if (error instanceof RequestFailure) return error;
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (cause instanceof RequestFailure) return cause;
  // Bun appends advice that does not help a user.
  const found = oneLine(messageOf(cause).replace(/\.? For more information.*/s, ""));
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (UNREACHABLE.includes(code)) {
    const traits = { isTransient: true, isUnreachable: true, expected: AVAILABLE_SERVER };
    return new RequestFailure(`no server at "${server.address}": ${code}`, traits);
  }
  if (TLS_CODE.test(code)) {
    return new RequestFailure(`no safe connection to "${server.address}": ${found}`, {
      isFatal: true,
      expected:
        "a certificate that can be trusted, or http in base_url (NODE_EXTRA_CA_CERTS names a file of authorities)",
    });
  }
  return new RequestFailure(`no answer from the server: ${found}`, { isTransient: true, mayBeBilled: true });
}

/** The error in a response's body: in JSON, in a page, or as it is. */
function errorOf(body: string): ServerError | undefined {
  const text = body.trim();
  try {
    return serverErrorIn(JSON.parse(text));
  } catch {
    if (text === "") return undefined;
    const message = text.startsWith("<") ? titleOf(text) : text.slice(0, MAX_MESSAGE);
    return { message, status: undefined, codes: [], parameter: undefined, failedGeneration: undefined };
  }
}

/** Characters of a server's words. */
const MAX_MESSAGE = 300;

/** Joins lines, such as the SDK's list of what is wrong with an answer. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim().slice(0, MAX_MESSAGE);
}
