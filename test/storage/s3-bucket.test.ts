/** What S3 answers, by a server that answers so. test/slow/s3.ts has a whole one. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { s3Bucket } from "../../lib/storage/s3-bucket.ts";
import { s3OptionsFromEnvironment } from "../../lib/storage/s3-environment.node.ts";
import { failureOf, utf8 } from "./storage-contract.ts";

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
}

let answers: Response[] = [];
let seen: Seen[] = [];
const server = Bun.serve({
  port: 0,
  fetch(request) {
    const { pathname, search } = new URL(request.url);
    seen.push({ method: request.method, path: pathname + search, headers: Object.fromEntries(request.headers) });
    return answers.shift() ?? new Response("none left", { status: 400 });
  },
});
afterAll(() => server.stop(true));
beforeEach(() => {
  answers = [];
  seen = [];
});

const AT = { bucket: "trading", region: "eu-central-1", accessKeyId: "AKID", secretAccessKey: "secret" };
const bucket = s3Bucket({ ...AT, endpoint: `${server.url}` });

const error = (status: number, code: string): Response =>
  new Response(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>a &amp; b</Message></Error>`, { status });
const written = (etag: string): Response => new Response("", { headers: { etag } });

test("a write sends its condition and the SHA-256 of its bytes, signed for the region", async () => {
  answers = [written('"e1"'), written('"e2"')];
  expect(await bucket.put("a b/c", utf8("abc"), "absent")).toBe('"e1"');
  expect(await bucket.put("a b/c", utf8("abc"), { etag: '"e1"' })).toBe('"e2"');
  expect(seen.map(({ method, path }) => `${method} ${path}`)).toEqual(Array(2).fill("PUT /trading/a%20b/c"));
  // FIPS 180-2, example B.1.
  expect(seen[0]!.headers["x-amz-content-sha256"]).toBe(
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  expect(seen.map(({ headers }) => headers["if-none-match"] ?? headers["if-match"])).toEqual(["*", '"e1"']);
  expect(seen[0]!.headers["authorization"]).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-central-1\/s3\/aws4_request, SignedHeaders=.*if-none-match.*, Signature=[0-9a-f]{64}$/,
  );
});

test("412 is a condition that does not hold, and so is 404 of a write", async () => {
  answers = [error(412, "PreconditionFailed"), error(404, "NoSuchKey"), error(412, "PreconditionFailed")];
  expect(await bucket.put("a", utf8(""), "absent")).toBeUndefined();
  expect(await bucket.put("a", utf8(""), { etag: "e" })).toBeUndefined();
  expect(await bucket.delete("a", { etag: "e" })).toBeFalse();
});

test("409 says that nobody knows yet: the write is repeated, and so is one that meets 503", async () => {
  answers = [error(409, "ConditionalRequestConflict"), error(503, "SlowDown"), written('"e"')];
  expect(await bucket.put("a", utf8(""), "absent")).toBe('"e"');
  expect(seen).toHaveLength(3);
});

test.each([
  { status: 403, code: "AccessDenied" },
  { status: 501, code: "NotImplemented" },
])("$status $code fails, and says so", async ({ status, code }) => {
  answers = Array.from({ length: 9 }, () => error(status, code));
  await expect(bucket.get("a", { offset: 0, length: 1 })).rejects.toThrow(
    `status ${status} of the store (${code}: a & b)`,
  );
});

test("a bucket that is missing is no object that is missing", async () => {
  answers = [error(404, "NoSuchBucket")];
  const failure = await failureOf(bucket.get("a", { offset: 0, length: 1 }));
  expect(failure.code).toBe("NOT_FOUND");
  expect(failure.message).toBe(
    'Cannot use the bucket "trading": found that the store has no bucket of this name, expected one: make it first',
  );
});

test("a store that does not answer in time fails", async () => {
  const silent = Bun.serve({ port: 0, fetch: () => new Promise<Response>(() => {}) });
  const waiting = s3Bucket({ ...AT, endpoint: `${silent.url}`, timeoutMs: 50 });
  await expect(waiting.get("a", { offset: 0, length: 1 })).rejects.toThrow("timed out");
  await silent.stop(true);
});

test("a listing goes on from page to page, and decodes keys", async () => {
  answers = [
    new Response(
      "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b</NextContinuationToken>" +
        "<Contents><Key>m/a%26+b</Key><Size>7</Size></Contents>" +
        "<CommonPrefixes><Prefix>m/runs%2F</Prefix></CommonPrefixes></ListBucketResult>",
    ),
    new Response(
      "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>m/c%2B</Key><Size>8</Size></Contents></ListBucketResult>",
    ),
  ];
  expect(await bucket.list("m/")).toEqual({
    objects: [
      { key: "m/a& b", size: 7 },
      { key: "m/c+", size: 8 },
    ],
    folders: ["runs"],
  });
  expect(seen.map(({ path }) => new URLSearchParams(path.split("?")[1]).get("continuation-token"))).toEqual([
    null,
    "a&b",
  ]);
});

describe("s3OptionsFromEnvironment()", () => {
  const names = Object.keys(process.env).filter((name) => name.startsWith("AWS_"));
  const before = names.map((name) => [name, process.env[name]!] as const);
  const clear = (): void => {
    for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) delete process.env[name];
  };
  beforeEach(clear);
  afterEach(() => {
    clear();
    for (const [name, value] of before) process.env[name] = value;
  });

  test("reads the standard variables; those of S3 come first, and empty ones are unset", () => {
    Object.assign(process.env, {
      AWS_ACCESS_KEY_ID: "id",
      AWS_SECRET_ACCESS_KEY: "secret",
      AWS_REGION: "",
      AWS_DEFAULT_REGION: "auto",
    });
    const least = { bucket: "b", accessKeyId: "id", secretAccessKey: "secret", region: "auto" };
    expect(s3OptionsFromEnvironment("b")).toEqual(least);
    Object.assign(process.env, {
      AWS_SESSION_TOKEN: "token",
      AWS_ENDPOINT_URL: "http://all",
      AWS_ENDPOINT_URL_S3: "http://s3",
    });
    expect(s3OptionsFromEnvironment("b")).toEqual({ ...least, sessionToken: "token", endpoint: "http://s3" });
  });

  test("names what is not set", async () => {
    const failure = await failureOf(Promise.try(() => s3OptionsFromEnvironment("b")));
    expect(failure.code).toBe("NOT_FOUND");
    expect(failure.message).toBe(
      'Cannot use the bucket "b": found no AWS_ACCESS_KEY_ID, no AWS_SECRET_ACCESS_KEY, no AWS_REGION in the environment, ' +
        "expected them set",
    );
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "secret" });
    expect((await failureOf(Promise.try(() => s3OptionsFromEnvironment("b")))).message).toContain(
      "no AWS_REGION in the environment, expected it set",
    );
  });
});
