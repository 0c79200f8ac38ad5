/** JSON-RPC over HTTP: `POST /rpc` with a bearer token, and `GET /health`. */
import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, isIP, type Socket } from "node:net";
import { clearTimeout, setTimeout } from "node:timers";
import { CarryoverError, messageOf } from "../errors.ts";
import { joinBytes } from "../util/bytes.ts";
import { sha256OfText } from "../util/sha256.ts";
import { answerMessage, MAX_MESSAGE_BYTES, type RpcHandler } from "./json-rpc.ts";

export interface HttpOptions extends RpcHandler {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  readonly token: string;
  /** Why the server is not well, such as that nothing can be stored. @default It is well. */
  readonly problem?: () => Promise<string | undefined>;
  /** Time in which a request has to be whole. @default 10,000 */
  readonly requestMs?: number;
}

/** A server that listens. */
export interface HttpServer {
  /** Such as `http://127.0.0.1:8787`. */
  readonly url: string;
  /** Stops listening, answers what is under way as far as clients read it in time, and ends. */
  readonly close: () => Promise<void>;
}

const REQUEST_MS = 10_000;

/** A request that is refused before anything in it is done. */
class Refused extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** Listens. @throws {CarryoverError} `IO` if the address cannot be used. */
export async function serveHttp(options: HttpOptions): Promise<HttpServer> {
  const { host, port, requestMs = REQUEST_MS } = options;
  const answering = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    const answered = respond(request, response, options).finally(() => answering.delete(answered));
    answering.add(answered);
  });
  closeSilent(server, requestMs);
  await listening(server, { host, port });
  const { port: bound } = server.address() as AddressInfo;
  const shown = isIP(host) === 6 ? `[${host}]` : host;
  return {
    url: `http://${shown}:${bound}`,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      const waitedFor = new Promise((resolve) => setTimeout(resolve, requestMs).unref());
      await Promise.race([Promise.all(answering), waitedFor]);
      // Clients that keep their connections would keep the server.
      server.closeAllConnections();
      await closed;
    },
  };
}

/**
 * Closes connections that wait too long for the header of a request, the next one of a kept connection too. The time-outs of node:http
 * are looked at every half minute, and Deno has none.
 */
function closeSilent(server: Server, ms: number): void {
  const connections = new WeakMap<Socket, { requests: number; readonly silence: NodeJS.Timeout }>();
  server.on("connection", (socket) => {
    const isSilent = (): boolean => connections.get(socket)!.requests === 0;
    const silence = setTimeout(() => isSilent() && socket.destroy(), ms).unref();
    connections.set(socket, { requests: 0, silence });
    socket.once("close", () => clearTimeout(silence));
  });
  server.on("request", ({ socket }, response) => {
    const connection = connections.get(socket)!;
    connection.requests += 1;
    response.once("close", () => {
      connection.requests -= 1;
      if (!socket.destroyed) connection.silence.refresh();
    });
  });
}

function listening(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new CarryoverError("IO", `Cannot listen on ${host}:${port}: ${messageOf(cause)}`, { cause })),
    );
    server.listen(port, host, () => resolve());
  });
}

/** Answers a request. Settles when the answer is out, or the client has gone. */
async function respond(request: IncomingMessage, response: ServerResponse, options: HttpOptions): Promise<void> {
  try {
    const { status, text } = await answerTo(request, options);
    await send(response, status, text);
  } catch (error) {
    if (!(error instanceof Refused)) options.onBug(error);
    const refused = error instanceof Refused ? error : new Refused(500, "This is a bug in Carryover");
    // What is left of a body is not read.
    const headers = request.complete ? refused.headers : { ...refused.headers, connection: "close" };
    await send(response, refused.status, JSON.stringify({ error: refused.message }), headers);
  }
}

function send(
  response: ServerResponse,
  status: number,
  text: string | undefined,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  if (response.headersSent || response.destroyed) return Promise.resolve();
  const body = text === undefined ? undefined : new TextEncoder().encode(text);
  const ofBody = body === undefined ? {} : { "content-type": "application/json", "content-length": body.length };
  response.writeHead(status, { ...ofBody, "cache-control": "no-store", ...headers });
  return new Promise((resolve) => {
    response.once("close", resolve);
    response.end(body, resolve);
  });
}

async function answerTo(
  request: IncomingMessage,
  options: HttpOptions,
): Promise<{ status: number; text: string | undefined }> {
  const path = (request.url ?? "").split("?")[0];
  if (path === "/health") {
    if (request.method !== "GET" && request.method !== "HEAD")
      throw new Refused(405, "/health takes GET", { allow: "GET, HEAD" });
    const reason = await options.problem?.();
    if (reason === undefined) return { status: 200, text: JSON.stringify({ status: "ok" }) };
    return { status: 503, text: JSON.stringify({ status: "failing", reason }) };
  }
  if (path !== "/rpc") throw new Refused(404, "Nothing is here: POST /rpc, or GET /health");
  if (request.method !== "POST") throw new Refused(405, "/rpc takes POST", { allow: "POST" });
  assertToken(request, options.token);
  const text = await answerMessage(await bodyOf(request, options.requestMs ?? REQUEST_MS), options);
  return { status: text === undefined ? 204 : 200, text };
}

/**
 * The token is all that is asked for, under whatever Host or Origin: a service name or a proxy may change both, and a page in a browser
 * cannot know it, even one that rebinds its own name to this server. No browser sends it by itself, as it would a cookie.
 */
function assertToken({ headers }: IncomingMessage, token: string): void {
  const given = /^Bearer (.+)$/i.exec(headers.authorization ?? "")?.[1] ?? "";
  // Digests have one length, whatever the token's.
  const [a, b] = [given, token].map((text) => new TextEncoder().encode(sha256OfText(text)));
  if (timingSafeEqual(a!, b!)) return;
  const headersOf401 = { "www-authenticate": "Bearer" };
  throw new Refused(
    401,
    "Unauthorized: found no valid token, expected CARRYOVER_TOKEN, or the one that the server printed",
    headersOf401,
  );
}

function bodyOf(request: IncomingMessage, requestMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    let length = 0;
    const timer = setTimeout(() => end(new Refused(408, "The request came too slowly")), requestMs);
    const end = (refused: Refused): void => {
      clearTimeout(timer);
      request.removeAllListeners("data");
      request.pause();
      reject(refused);
    };
    if (Number(request.headers["content-length"] ?? 0) > MAX_MESSAGE_BYTES) {
      return end(new Refused(413, `The body has more than ${MAX_MESSAGE_BYTES} bytes`));
    }
    request.on("data", (part: Uint8Array) => {
      length += part.length;
      if (length > MAX_MESSAGE_BYTES) return end(new Refused(413, `The body has more than ${MAX_MESSAGE_BYTES} bytes`));
      parts.push(part);
    });
    request.on("end", () => {
      clearTimeout(timer);
      resolve(new TextDecoder().decode(joinBytes(parts, length)));
    });
    request.on("error", () => {});
    // After the end of a body this changes nothing.
    request.on("close", () => end(new Refused(400, "The request broke off")));
  });
}
