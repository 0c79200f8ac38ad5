/** Turns what the AI SDK throws into failures in plain words. Their messages may still contain the key. */
import type { APICallError } from "ai";
import { messageOf } from "../../errors.ts";
import { RequestFailure } from "./retries.ts";

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
  404: "a base_url and a model that the server has",
  407: "a proxy that lets requests through",
};

/** Statuses below 500 after which another try may succeed. */
const TRANSIENT = [408, 409, 425, 429];

/** Statuses that do not depend on the question: too many requests, a model that is being loaded, an overload. */
const UNAVAILABLE = [429, 503, 529];
const AVAILABLE_SERVER = "a server that takes questions";

/** Codes of the system for a server that cannot be reached. */
const UNREACHABLE = ["EAI_AGAIN", "ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND"];

/** Codes of Bun for a failed TLS handshake, after which nothing is sent. Most are OpenSSL's names of problems with a certificate. */
const TLS_CODE = /CERT|SIGNATURE|ISSUER|CRL|TLS|SSL|^EPROTO$|^HOSTNAME_MISMATCH$|^INVALID_|^PATH_LENGTH_EXCEEDED$/;

/** A response with an error status, or one that does not follow the protocol. */
export function statusFailure(error: APICallError, server: Server): RequestFailure {
  const { statusCode: status, responseHeaders = {}, responseBody = "" } = error;
  if (status === undefined || (status >= 200 && status < 300)) return transportFailure(error.cause ?? error, server);
  const expected = HOPELESS[isWrongKey(status, responseBody) ? 401 : status];
  if (expected !== undefined)
    return new RequestFailure(`status ${status} from "${server.address}" for the model "${server.model}"`, {
      expected,
    });
  const detail = oneLine(error.message);
  return new RequestFailure(`status ${status} from the server${detail === "" ? "" : `: ${detail}`}`, {
    isTransient: status >= 500 || TRANSIENT.includes(status),
    retryAfterMs: retryAfterMs(responseHeaders, { body: responseBody, now: server.now }),
    expected: UNAVAILABLE.includes(status) ? AVAILABLE_SERVER : undefined,
  });
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
    return new RequestFailure(`no server at "${server.address}": ${code}`, {
      isTransient: true,
      expected: AVAILABLE_SERVER,
    });
  }
  if (TLS_CODE.test(code)) {
    return new RequestFailure(`no safe connection to "${server.address}": ${found}`, {
      expected:
        "a certificate that can be trusted, or http in base_url (NODE_EXTRA_CA_CERTS names a file of authorities)",
    });
  }
  return new RequestFailure(`no answer from the server: ${found}`, { isTransient: true, mayBeBilled: true });
}

/** Joins lines, such as the SDK's list of what is wrong with an answer. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

/** Gemini reports a wrong key with 400, the status of a bad question (google.rpc.ErrorInfo in the error's details). */
function isWrongKey(status: number, body: string): boolean {
  return status === 400 && /"reason"\s*:\s*"API_KEY_INVALID"/.test(body);
}

/**
 * How long the server asks to wait: a header with seconds or a date (RFC 9110, 10.2.3), or Gemini's `"retryDelay": "8s"` in the
 * body (google.rpc.RetryInfo).
 */
function retryAfterMs(
  headers: Readonly<Record<string, string>>,
  { body, now }: { body: string; now: () => number },
): number | undefined {
  const header = headers["retry-after"]?.trim() ?? "";
  if (/^\d{1,9}(?:\.\d{1,9})?$/.test(header)) return Number(header) * 1000;
  // Date.parse takes any number for a year.
  const date = /[A-Za-z]{3}/.test(header) ? Date.parse(header) : Number.NaN;
  if (!Number.isNaN(date)) return Math.max(0, date - now());
  const [, delay] = /"retryDelay"\s*:\s*"(\d{1,9}(?:\.\d{1,9})?)s"/.exec(body) ?? [];
  return delay === undefined ? undefined : Number(delay) * 1000;
}
