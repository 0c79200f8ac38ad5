import { afterAll, afterEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fetchModel, type FetchOptions } from "../../lib/embed/download.node.ts";

const base = mkdtempSync(join(tmpdir(), "carryover-fetch-"));
let folders = 0;
const folder = (): string => join(base, `models-${(folders += 1)}`);
afterAll(() => rmSync(base, { recursive: true }));

/** A megabyte without a pattern, so that a byte in the wrong place shows, and a small file. */
const LARGE: Uint8Array<ArrayBuffer> = Uint8Array.from(
  { length: 1_000_000 },
  (_, i) => (Math.imul(i, 2_654_435_761) >>> 13) & 255,
);
const SMALL: Uint8Array<ArrayBuffer> = new TextEncoder().encode('{"lower_case": true}');
const sha256 = (bytes: Uint8Array): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
const FILES = [
  { part: "tokenizerConfig", name: "small.json", hubPath: "small.json", bytes: SMALL.length, sha256: sha256(SMALL) },
  { part: "model", name: "large.onnx", hubPath: "onnx/large.onnx", bytes: LARGE.length, sha256: sha256(LARGE) },
] as const;
const CONTENT: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "/hub/small.json": SMALL,
  "/hub/onnx/large.onnx": LARGE,
};

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A server on the loopback that has both files. `answer` may take over a request. */
function serve(answer: (path: string) => Response | undefined = () => undefined): { url: string; requests: string[] } {
  const requests: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      const path = new URL(request.url).pathname;
      requests.push(path);
      const bytes = CONTENT[path];
      return (
        answer(path) ?? (bytes === undefined ? new Response("no such file", { status: 404 }) : new Response(bytes))
      );
    },
  });
  stops.push(() => server.stop(true));
  return { url: `${server.url.href}hub`, requests };
}

/** A server that sends `head` and `bytes`, then closes the connection (`end`), resets it or waits forever. */
async function serveRaw(head: string, bytes: Uint8Array, then: "end" | "reset" | "wait"): Promise<string> {
  const sockets = new Set<{ destroy(): void }>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write(head);
      socket.write(bytes, () => {
        if (then === "end") socket.end();
        else if (then === "reset") setTimeout(() => socket.resetAndDestroy(), 50);
      });
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  stops.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/hub`;
}

const OK = `HTTP/1.1 200 OK\r\nContent-Length: ${LARGE.length}\r\n\r\n`;

/** Fetches both files; returns how each was fetched. */
async function fetchInto(modelDir: string, options: Partial<FetchOptions>): Promise<unknown> {
  const signal = new AbortController().signal;
  const fetched = await fetchModel({ modelDir, signal, files: FILES, ...options });
  return fetched.map(({ how }) => how);
}

function expectWhole(modelDir: string): void {
  expect(readdirSync(modelDir).sort()).toEqual(["large.onnx", "small.json"]);
  expect(sha256(readFileSync(join(modelDir, "small.json")))).toBe(FILES[0].sha256);
  expect(sha256(readFileSync(join(modelDir, "large.onnx")))).toBe(FILES[1].sha256);
}

describe("fetchModel() downloads", () => {
  test("both files, and requests nothing when called again", async () => {
    const modelDir = join(folder(), "not", "there", "yet");
    const { url, requests } = serve();
    const progress: [string, number][] = [];
    const onProgress: FetchOptions["onProgress"] = ({ name }, done) => progress.push([name, done]);
    expect(await fetchInto(modelDir, { baseUrl: `${url}/`, onProgress })).toEqual(["downloaded", "downloaded"]);
    expectWhole(modelDir);
    expect(requests).toEqual(["/hub/small.json", "/hub/onnx/large.onnx"]);
    expect(progress.at(-1)).toEqual(["large.onnx", LARGE.length]);
    expect(await fetchInto(modelDir, { baseUrl: url })).toEqual(["there", "there"]);
    expect(requests).toHaveLength(2);
  });

  test("again after a failure, and only the missing file", async () => {
    const modelDir = folder();
    const failing = serve((path) => (path.endsWith("large.onnx") ? new Response("oh", { status: 500 }) : undefined));
    await expect(fetchInto(modelDir, { baseUrl: failing.url })).rejects.toMatchObject({ code: "IO" });
    expect(readdirSync(modelDir)).toEqual(["small.json"]);
    expect(await fetchInto(modelDir, { baseUrl: serve().url })).toEqual(["there", "downloaded"]);
    expectWhole(modelDir);
  });

  test("a file again that is there and has other bytes", async () => {
    const modelDir = folder();
    mkdirSync(modelDir);
    writeFileSync(join(modelDir, "small.json"), SMALL.toReversed());
    expect(await fetchInto(modelDir, { baseUrl: serve().url })).toEqual(["downloaded", "downloaded"]);
    expectWhole(modelDir);
  });

  test("in place of a link, and leaves the link's target alone", async () => {
    const modelDir = folder();
    mkdirSync(modelDir);
    const victim = join(base, "victim");
    writeFileSync(victim, "mine");
    symlinkSync(victim, join(modelDir, "small.json"));
    expect(await fetchInto(modelDir, { baseUrl: serve().url })).toEqual(["downloaded", "downloaded"]);
    expectWhole(modelDir);
    expect(readFileSync(victim, "utf8")).toBe("mine");
  });

  test("through a redirect to another host, as the hub redirects to its storage", async () => {
    const modelDir = folder();
    const storage = serve();
    const hub = serve((path) => Response.redirect(storage.url.replace("/hub", path).replace("127.0.0.1", "localhost")));
    expect(await fetchInto(modelDir, { baseUrl: hub.url })).toEqual(["downloaded", "downloaded"]);
    expectWhole(modelDir);
    expect(storage.requests).toEqual(hub.requests);
  });
});

describe("fetchModel() installs nothing", () => {
  const wrong = LARGE.slice();
  wrong[500_000]! ^= 1;

  test.each<[string, () => Response, string, RegExp]>([
    [
      "a file with another hash",
      () => new Response(wrong),
      "CORRUPT",
      /SHA-256 [0-9a-f]{64}, expected 1000000 with [0-9a-f]{64}$/,
    ],
    [
      "a shorter file",
      () => new Response(LARGE.slice(1)),
      "CORRUPT",
      /found 999999 bytes with .*, expected 1000000 with /,
    ],
    [
      "a page in its place",
      () => new Response("<html>Log in</html>"),
      "CORRUPT",
      /found 19 bytes with .*, expected 1000000 with /,
    ],
    [
      "more than it should be, without a length",
      () => new Response(endless()),
      "CORRUPT",
      /found more than 1000000 bytes/,
    ],
    [
      "status 404",
      () => new Response("", { status: 404 }),
      "NOT_FOUND",
      /found status 404, expected the file: name a server/,
    ],
    ["status 410", () => new Response("", { status: 410 }), "NOT_FOUND", /found status 410/],
    [
      "status 403",
      () => new Response("", { status: 403 }),
      "IO",
      /found status 403, expected 1000000 bytes: run again/,
    ],
    [
      "status 500",
      () => new Response("oh", { status: 500 }),
      "IO",
      /found status 500, expected 1000000 bytes: run again/,
    ],
    [
      "a redirect in a circle",
      () => new Response("", { status: 302, headers: { location: "large.onnx" } }),
      "IO",
      /too many times/,
    ],
    [
      "a redirect to a file",
      () => new Response("", { status: 302, headers: { location: "file:///etc/hostname" } }),
      "IO",
      /Redirect/,
    ],
  ])("of %s", async (_, answer, code, message) => {
    const modelDir = folder();
    const { url } = serve(() => answer());
    await expect(fetchInto(modelDir, { baseUrl: url, files: [FILES[1]] })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect(existsSync(modelDir)).toBeFalse();
  });

  /** A body of unknown length that never ends. */
  function endless(): ReadableStream<Uint8Array> {
    return new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(100_000)) });
  }

  test.each(["end", "reset"] as const)("of a cut connection (%s)", async (then) => {
    const modelDir = folder();
    const baseUrl = await serveRaw(OK, LARGE.subarray(0, 400_000), then);
    await expect(fetchInto(modelDir, { baseUrl, files: [FILES[1]] })).rejects.toMatchObject({
      code: "IO",
      message: expect.stringMatching(
        /^Cannot download "http:.*large\.onnx": found .*closed unexpectedly, expected 1000000 bytes: run again, /,
      ),
    });
    expect(existsSync(modelDir)).toBeFalse();
  });

  test("from a server that stops sending", async () => {
    const modelDir = folder();
    const baseUrl = await serveRaw(OK, LARGE.subarray(0, 400_000), "wait");
    await expect(fetchInto(modelDir, { baseUrl, files: [FILES[1]], stallMs: 200 })).rejects.toMatchObject({
      code: "IO",
      message: expect.stringContaining("found nothing for 0.2 s, expected 1000000 bytes: run again"),
    });
    expect(existsSync(modelDir)).toBeFalse();
  });

  test("from a server that never answers, and from none at all", async () => {
    const modelDir = folder();
    const silent = await serveRaw("", new Uint8Array(), "wait");
    await expect(fetchInto(modelDir, { baseUrl: silent, stallMs: 200 })).rejects.toMatchObject({ code: "IO" });
    await expect(fetchInto(modelDir, { baseUrl: "http://127.0.0.1:1" })).rejects.toMatchObject({
      code: "IO",
      message: expect.stringContaining("Unable to connect"),
    });
    expect(existsSync(modelDir)).toBeFalse();
  });

  test("when it is stopped", async () => {
    const modelDir = folder();
    const baseUrl = await serveRaw(OK, LARGE.subarray(0, 400_000), "wait");
    const controller = new AbortController();
    const reason = new DOMException("stopped by SIGINT", "AbortError");
    const onProgress = (): void => controller.abort(reason);
    const options = { baseUrl, files: [FILES[1]], signal: controller.signal, onProgress };
    await expect(fetchInto(modelDir, options)).rejects.toBe(reason);
    expect(existsSync(modelDir)).toBeFalse();
  });

  test.each(["ftp://127.0.0.1/hub", "file:///tmp", "huggingface.co", ""])("from %j", async (baseUrl) => {
    const modelDir = folder();
    await expect(fetchInto(modelDir, { baseUrl })).rejects.toMatchObject({ code: "BAD_USAGE" });
    expect(existsSync(modelDir)).toBeFalse();
  });

  test.skipIf(process.getuid?.() === 0)("where it may not write (skipped as root)", async () => {
    const modelDir = folder();
    mkdirSync(modelDir);
    chmodSync(modelDir, 0o500);
    await expect(fetchInto(modelDir, { baseUrl: serve().url })).rejects.toMatchObject({ code: "IO" });
  });
});

describe("fetchModel() copies", () => {
  test("from a folder laid out like the model's or like the hub's", async () => {
    for (const inside of ["", "onnx"]) {
      const from = folder();
      mkdirSync(join(from, inside), { recursive: true });
      writeFileSync(join(from, "small.json"), SMALL);
      writeFileSync(join(from, inside, "large.onnx"), LARGE);
      const modelDir = folder();
      expect(await fetchInto(modelDir, { from })).toEqual(["copied", "copied"]);
      expectWhole(modelDir);
      expect(await fetchInto(modelDir, { from: modelDir })).toEqual(["there", "there"]);
    }
  });

  test("neither a file with other bytes nor a missing one", async () => {
    const from = folder();
    mkdirSync(from);
    const modelDir = folder();
    await expect(fetchInto(modelDir, { from })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: `Cannot copy the sentence model: found no "${from}/small.json", expected the file there`,
    });
    writeFileSync(join(from, "small.json"), SMALL);
    writeFileSync(join(from, "large.onnx"), LARGE.toReversed());
    await expect(fetchInto(modelDir, { from })).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringContaining(`Cannot use "${from}/large.onnx": found 1000000 bytes with SHA-256 `),
    });
    expect(readdirSync(modelDir)).toEqual(["small.json"]);
  });
});
