import { afterAll, beforeAll, expect, test } from "bun:test";
import { once } from "node:events";
import { connect } from "node:net";
import { type HttpServer, serveHttp } from "../../lib/serve/http.node.ts";

const TOKEN = "a secret";
let server: HttpServer;
/** Allows little time for a request. */
let impatient: HttpServer;

beforeAll(async () => {
  const call = async (method: string): Promise<unknown> => ({ method });
  const options = { host: "127.0.0.1", port: 0, token: TOKEN, call, onBug: () => {} };
  [server, impatient] = await Promise.all([serveHttp(options), serveHttp({ ...options, requestMs: 200 })]);
});

afterAll(() => Promise.all([server.close(), impatient.close()]));

const BODY = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "hello" });

function post(headers: Record<string, string> = {}, body = BODY): Promise<Response> {
  return fetch(`${server.url}/rpc`, {
    method: "POST",
    headers: { authorization: `Bearer ${TOKEN}`, ...headers },
    body,
  });
}

/** Sends bytes as they are, and returns what comes back until the server closes, or has said a first line. */
function raw(text: string, to = server): Promise<string> {
  const { port } = new URL(to.url);
  return new Promise((resolve, reject) => {
    let got = "";
    const socket = connect(Number(port), "127.0.0.1", () => socket.write(text));
    socket.on("data", (part) => {
      got += part.toString();
      if (got.includes("\r\n\r\n")) socket.end();
    });
    socket.on("close", () => resolve(got));
    socket.on("error", reject);
  });
}

test("answers a request, and a notification with nothing", async () => {
  const response = await post();
  expect([response.status, await response.json()]).toEqual([
    200,
    { jsonrpc: "2.0", id: 1, result: { method: "hello" } },
  ]);
  expect((await post({}, JSON.stringify({ jsonrpc: "2.0", method: "hello" }))).status).toBe(204);
});

test("says that it is well without a token", async () => {
  const response = await fetch(`${server.url}/health`);
  expect([response.status, await response.json()]).toEqual([200, { status: "ok" }]);
});

test("says that it is not well, and why", async () => {
  const problem = async (): Promise<string> => "writes fail: ENOSPC";
  const options = { host: "127.0.0.1", port: 0, token: TOKEN, call: async () => 1, onBug: () => {} };
  const other = await serveHttp({ ...options, problem });
  const response = await fetch(`${other.url}/health`);
  expect([response.status, await response.json()]).toEqual([503, { status: "failing", reason: "writes fail: ENOSPC" }]);
  await other.close();
});

test.each([
  ["no token", { authorization: "" }, 401],
  ["another token", { authorization: "Bearer a secreT" }, 401],
  ["the token under the name of a container", { host: "carryover:8787" }, 200],
  ["the token and the Origin of a page behind the same proxy", { origin: "https://bots.example" }, 200],
])("answers a request with %s by its status", async (_name, headers, status) => {
  expect((await post(headers)).status).toBe(status);
});

test("tells a page that rebinds its own name to this server no more than whether the server is well", async () => {
  const asOf = (request: string): Promise<string> => raw(`${request} HTTP/1.1\r\nHost: evil.example\r\n\r\n`);
  expect(await asOf("POST /rpc")).toStartWith("HTTP/1.1 401");
  expect(await asOf("GET /health")).toEndWith('\r\n\r\n{"status":"ok"}');
});

test("allows no page of another site to send a token", async () => {
  const headers = { origin: "https://evil.example", "access-control-request-headers": "authorization" };
  const preflight = await fetch(`${server.url}/rpc`, { method: "OPTIONS", headers });
  expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([405, null]);
});

test("refuses a body of more than 1 MiB, whether it says so or not", async () => {
  const large = "x".repeat((1 << 20) + 1);
  expect((await post({}, large)).status).toBe(413);
  const head = `POST /rpc HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nTransfer-Encoding: chunked\r\n\r\n`;
  expect(await raw(`${head}${large.length.toString(16)}\r\n${large}\r\n`)).toStartWith("HTTP/1.1 413");
});

test("refuses a request that is not whole in time", async () => {
  const head = `POST /rpc HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 100\r\n\r\n`;
  expect(await raw(`${head}{"half`, impatient)).toStartWith("HTTP/1.1 408");
});

test("closes a connection that sends half a header", async () => {
  expect(await raw("GET /health HTTP/1.1\r\nHo", impatient)).toBe("");
});

test("closes a connection that sends its header byte by byte, and half a header after an answer", async () => {
  const closes = async (first: string, drip: string): Promise<void> => {
    const socket = connect(Number(new URL(impatient.url).port), "127.0.0.1");
    const closed = new Promise((resolve) => socket.on("error", resolve).on("close", resolve));
    const answered = first === "" ? undefined : once(socket, "data");
    socket.write(first);
    await answered;
    socket.resume();
    const timer = setInterval(() => socket.write(drip), 50);
    await closed;
    clearInterval(timer);
  };
  const whole = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
  // An idle time-out would begin again with each byte, and never end.
  await closes("", "GET");
  await closes(whole, "GET");
});

test("answers the next requests of a kept connection, also after a pause within the time", async () => {
  const call = async (): Promise<number> => 1;
  const other = await serveHttp({ host: "127.0.0.1", port: 0, token: TOKEN, requestMs: 1000, call, onBug: () => {} });
  const socket = connect(Number(new URL(other.url).port), "127.0.0.1");
  let got = "";
  const answers = (): number => got.split("HTTP/1.1 200").length - 1;
  socket.on("data", (part) => void (got += part.toString()));
  for (const [round, pause] of [0, 400, 400, 400].entries()) {
    await Bun.sleep(pause);
    socket.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(2));
    while (answers() < 2 * (round + 1) && !socket.destroyed) await Bun.sleep(5);
  }
  socket.destroy();
  expect(answers()).toBe(8);
  await other.close();
});

test("ends although a client broke off in a body", async () => {
  const other = await serveHttp({ host: "127.0.0.1", port: 0, token: TOKEN, call: async () => 1, onBug: () => {} });
  const socket = connect(Number(new URL(other.url).port), "127.0.0.1");
  const head = `POST /rpc HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 100\r\n\r\n`;
  socket.write(`${head}{"half`);
  await Bun.sleep(50);
  socket.destroy();
  const start = performance.now();
  await other.close();
  // Else it waits for the 10 s that a request may take.
  expect(performance.now() - start).toBeLessThan(9000);
});

test("ends while a client keeps its connection, after what is under way is answered", async () => {
  const begun = Promise.withResolvers<void>();
  const call = async (): Promise<void> => {
    begun.resolve();
    await Bun.sleep(20);
  };
  const other = await serveHttp({ host: "127.0.0.1", port: 0, token: TOKEN, call, onBug: () => {} });
  const { port } = new URL(other.url);
  const [half, whole] = [connect(Number(port), "127.0.0.1"), connect(Number(port), "127.0.0.1")];
  half.on("error", () => {});
  half.write("GET /health HTTP/1.1\r\nHo");
  let got = "";
  whole.on("data", (part) => void (got += part.toString()));
  const head = `Host: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: ${BODY.length}`;
  whole.write(`POST /rpc HTTP/1.1\r\n${head}\r\n\r\n${BODY}`);
  const ended = new Promise((resolve) => whole.once("close", resolve));
  await begun.promise;
  await other.close();
  await ended;
  expect(got).toStartWith("HTTP/1.1 200");
});

test.each([
  ["HEAD", "/health", 200],
  ["GET", "/rpc", 405],
  ["POST", "/health", 405],
  ["GET", "/", 404],
])("answers %s %s by %d", async (method, path, status) => {
  expect((await fetch(`${server.url}${path}`, { method })).status).toBe(status);
});
