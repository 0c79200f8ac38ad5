/** What became of requests that came to nothing, in words for whoever runs the backtest. They may still have the key in them. */
import type { LlmConfig } from "../../config/config.ts";
import { messageOf } from "../../errors.ts";
import { RequestFailure } from "./llm.ts";

/** Statuses that no second try and no other question changes, and what is wanted. */
const HOPELESS: Readonly<Record<number, string>> = {
  401: "a key that the server takes",
  402: "an account that can pay",
  403: "a key that may use this model",
  404: "a base_url and a model that the server has",
  407: "a proxy that lets requests through",
};

const TRANSIENT = [408, 409, 425, 429];

/** Too many questions, or a server that loads its model or is overloaded: whatever was asked. */
const AWAY = [429, 503, 529];

/** What the system says of a server that cannot be reached. */
const UNREACHABLE = ["EAI_AGAIN", "ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND"];

/** What Bun says where no TLS connection comes about, and so nothing is sent; most are OpenSSL's names of what is wrong with a certificate. */
const TLS_CODE = /CERT|SIGNATURE|ISSUER|CRL|TLS|SSL|^EPROTO$|^HOSTNAME_MISMATCH$|^INVALID_|^PATH_LENGTH_EXCEEDED$/;

/** What the SDK tells of a status. */
export interface StatusError {
  readonly statusCode?: number | undefined;
  readonly responseHeaders?: Record<string, string> | undefined;
  readonly responseBody?: string | undefined;
  readonly message: string;
  readonly cause?: unknown;
}

/** A status that is no success, or an answer that is none of the protocol. */
export function statusFailure(config: LlmConfig, error: StatusError): RequestFailure {
  const { statusCode: status, responseHeaders = {}, responseBody = "" } = error;
  if (status === undefined || (status >= 200 && status < 300)) return wayFailure(config, error.cause ?? error);
  const expected = HOPELESS[isWrongKey(status, responseBody) ? 401 : status];
  if (expected !== undefined) {
    return new RequestFailure(`status ${status} from "${placeOf(config)}" for the model "${config.model}"`, {
      isTransient: false,
      mayBeBilled: false,
      expected,
    });
  }
  const said = oneLine(error.message);
  return new RequestFailure(`status ${status} from the server${said === "" ? "" : `: ${said}`}`, {
    isTransient: status >= 500 || TRANSIENT.includes(status),
    retryAfterMs: retryAfter(responseHeaders, responseBody),
    mayBeBilled: false,
    expected: AWAY.includes(status) ? "a server that takes questions" : undefined,
  });
}

/** What went wrong on the way: no connection, one that was cut, an answer that is no JSON of the protocol. */
export function wayFailure(config: LlmConfig, error: unknown): RequestFailure {
  if (error instanceof RequestFailure) return error;
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (cause instanceof RequestFailure) return cause;
  // Bun adds advice that is none to a user.
  const found = oneLine(messageOf(cause).replace(/\.? For more information.*/s, ""));
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (UNREACHABLE.includes(code)) {
    return new RequestFailure(`no server at "${placeOf(config)}": ${code}`, {
      isTransient: true,
      mayBeBilled: false,
      expected: "a server that takes questions",
    });
  }
  if (TLS_CODE.test(code)) {
    return new RequestFailure(`no safe connection to "${placeOf(config)}": ${found}`, {
      isTransient: false,
      mayBeBilled: false,
      expected:
        "a certificate that can be trusted, or http in base_url (NODE_EXTRA_CA_CERTS names a file of authorities)",
    });
  }
  return new RequestFailure(`no answer from the server: ${found}`, { isTransient: true, mayBeBilled: true });
}

function placeOf({ base_url: url = "Gemini" }: LlmConfig): string {
  return url;
}

/** What is said over many lines, such as the SDK's list of what is wrong with an answer, as a part of a message. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

/** Gemini says so with 400, the status of a bad question (google.rpc.ErrorInfo in the details of the error). */
function isWrongKey(status: number, body: string): boolean {
  return status === 400 && /"reason"\s*:\s*"API_KEY_INVALID"/.test(body);
}

/**
 * Milliseconds that the server wants waited: a header of seconds or of a date (RFC 9110, 10.2.3), or, as Gemini has it,
 * `"retryDelay": "8s"` in the body (google.rpc.RetryInfo).
 */
function retryAfter(headers: Readonly<Record<string, string>>, body: string): number | undefined {
  const value = headers["retry-after"]?.trim() ?? "";
  const [, inBody] = /"retryDelay"\s*:\s*"(\d{1,9}(?:\.\d{1,9})?)s"/.exec(body) ?? [];
  if (/^\d{1,9}(?:\.\d{1,9})?$/.test(value)) return Number(value) * 1000;
  // Date.parse takes any number for a year.
  if (/[A-Za-z]{3}/.test(value) && !Number.isNaN(Date.parse(value))) return Math.max(0, Date.parse(value) - Date.now());
  return inBody === undefined ? undefined : Number(inBody) * 1000;
}
