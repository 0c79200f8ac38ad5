import { afterAll, expect, test } from "bun:test";
import { GOOD, ModelUnderTest } from "./model-under-test.ts";
import { openaiAnswer } from "./model-server.ts";

const model = new ModelUnderTest();
afterAll(() => model.stop());

test("stops reading an answer of 64 MiB at 1 MiB, and does not ask again", async () => {
  let sent = 0;
  const before = model.server.requests.length;
  const { message } = await model.failure(
    () =>
      new Response(
        new ReadableStream({
          pull: (controller) => {
            if ((sent += 65_536) > 64 << 20) return controller.close();
            controller.enqueue(new Uint8Array(65_536).fill(32));
          },
        }),
      ),
  );
  expect(message).toContain("found more than 1048576 bytes from the server, expected an answer");
  expect(model.server.requests.length - before).toBe(1);
  // Buffers on the way hold more than was read.
  expect(sent).toBeLessThan(48 << 20);
});

test("follows no redirect, which stops the run: neither the question nor the key reaches another host", async () => {
  const elsewhere: string[] = [];
  const other = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      elsewhere.push(request.headers.get("authorization") ?? "");
      return Response.json(openaiAnswer(GOOD, "llama3.2"));
    },
  });
  try {
    for (const status of [301, 302, 307, 308]) {
      const redirected = await model.refusal(
        () => new Response(null, { status, headers: { location: other.url.href } }),
      );
      expect(redirected.message).toBe(
        `Cannot ask "llama": found a redirect to "127.0.0.1:${other.port}", which is not followed, ` +
          "expected a base_url where the model itself answers",
      );
    }
    expect(elsewhere).toEqual([]);
  } finally {
    await other.stop(true);
  }
});
