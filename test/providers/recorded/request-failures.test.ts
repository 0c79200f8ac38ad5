import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GOOD, KEY, ModelUnderTest } from "./model-under-test.ts";
import { openaiAnswer } from "./model-server.ts";

const model = new ModelUnderTest();
afterAll(() => model.stop());

test.each([
  [400, 1],
  [422, 1],
])("status %d is an abstention without a retry", async (status, count) => {
  const { answer, requests } = await model.ask(() => Response.json({ error: { message: `bad ${KEY}` } }, { status }));
  expect(answer.vote.error).toStartWith(`status ${status} from the server: `);
  expect(requests).toHaveLength(count);
});

test.each([
  [401, "a key that the server takes"],
  [402, "an account that can pay"],
  [403, "a key that may use this model"],
  [404, "a base_url and a model that the server has"],
  [407, "a proxy that lets requests through"],
])("status %d stops the run, since any other question would fail too", async (status, wanted) => {
  const { message } = await model.refusal(() => Response.json({ error: { message: `wrong key ${KEY}` } }, { status }));
  expect(message).toBe(
    `Cannot ask "llama": found status ${status} from "${model.server.openaiUrl}" for the model "llama3.2", expected ${wanted}`,
  );
});

test("Gemini's 400 stops the run for a wrong key, and not for a bad question", async () => {
  // The answer of generativelanguage.googleapis.com.
  const details = [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "API_KEY_INVALID" }];
  const error = { code: 400, message: "API key not valid.", status: "INVALID_ARGUMENT" };
  const { message } = await model.refusal(() => Response.json({ error: { ...error, details } }, { status: 400 }), {
    api: "google",
    model: "gemini-2.5-flash",
  });
  expect(message).toEndWith('for the model "gemini-2.5-flash", expected a key that the server takes');
  const { answer } = await model.ask(() => Response.json({ error }, { status: 400 }), { api: "google" });
  expect(answer.vote.error).toStartWith("status 400 from the server");
});

test.each([
  ["no JSON", () => new Response("<html>busy</html>", { headers: { "content-type": "application/json" } })],
  ["JSON of another kind", () => Response.json({ hello: [1, 2, 3] })],
  ["no choices", () => Response.json({ ...openaiAnswer("", "llama3.2"), choices: [] })],
  ["an empty body", () => new Response("")],
])("%s is asked for again, then an abstention", async (_what, respond) => {
  const { answer } = await model.ask(respond, { max_retries: 1 });
  expect(answer.failed).toBeTrue();
  expect(answer.vote.error?.length).toBeLessThan(400);
});

const OPENSSL = Bun.which("openssl");
test.skipIf(OPENSSL === null)(
  `an untrusted certificate, or no TLS at all, stops the run, and nothing counts as paid${OPENSSL === null ? " (skipped: openssl is missing)" : ""}`,
  async () => {
    const work = mkdtempSync(join(tmpdir(), "carryover-tls-"));
    const request = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=localhost";
    expect(Bun.spawnSync(["openssl", ...request.split(" ")], { cwd: work, stderr: "ignore" }).exitCode).toBe(0);
    const tls = { key: Bun.file(join(work, "key.pem")), cert: Bun.file(join(work, "cert.pem")) };
    const other = Bun.serve({ hostname: "127.0.0.1", port: 0, tls, fetch: () => new Response("answered") });
    try {
      for (const [port, found] of [
        [other.port, "self signed certificate"],
        [new URL(model.server.openaiUrl).port, "EPROTO: The TLS handshake failed"],
      ]) {
        const base_url = `https://127.0.0.1:${port}/v1`;
        // With a price, since a request that may have cost something would not be refused.
        const { message } = await model.refusal(() => GOOD, {
          base_url,
          price_per_mtok: { input: 1000, output: 1000 },
        });
        expect(message).toStartWith(`Cannot ask "llama": found no safe connection to "${base_url}": ${found}`);
        expect(message).toContain("expected a certificate that can be trusted");
      }
    } finally {
      await other.stop(true);
      rmSync(work, { recursive: true });
    }
  },
);

test("a connection that is cut is tried again, then an abstention", async () => {
  let connections = 0;
  const cutting: Server = createServer((socket) => {
    connections += 1;
    socket.once("data", () => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"id":');
      setTimeout(() => socket.destroy(), 5);
    });
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => cutting.listen(0, "127.0.0.1", resolve));
  const address = cutting.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const { answer } = await model.ask(() => GOOD, { base_url: `http://127.0.0.1:${port}/v1`, max_retries: 1 });
  expect(answer.vote.error).toMatch(/^no answer from the server: .*\(2 tries\)$/);
  expect(connections).toBe(2);
  cutting.close();
});

test("an answer in another protocol, or an empty one, is described in one line", async () => {
  const other = await model.ask(() => Response.json({ id: "x" }), { max_retries: 0 });
  expect(other.answer.vote.error).toBe('no answer from the server: found "{\\"id\\":\\"x\\"}"');
  const silent = await model.ask(() => new Response("", { status: 599 }), { max_retries: 0 });
  expect(silent.answer.vote.error).toBe("status 599 from the server");
});

test.each([
  ["http://127.0.0.1:9/v1", "ECONNREFUSED"],
  ["http://no-such-host.invalid/v1", /ENOTFOUND|EAI_AGAIN/],
])("a server that is not there stops the run, and its address is named: %s", async (base_url, code) => {
  const message = await model.ask(() => GOOD, { base_url, max_retries: 0 }).catch(String);
  expect(message).toMatch(code);
  expect(message).toStartWith(`CarryoverError: Cannot ask "llama": found no server at "${base_url}": `);
});
