import { AwsClient } from "aws4fetch";
import { fail } from "../errors.ts";
import { delay } from "../util/async.ts";
import { sha256OfBytes } from "../util/sha256.ts";
import type { Bucket, BucketListing } from "./bucket.ts";

/** Where an S3 bucket is, and who asks. */
export interface S3Options {
  readonly bucket: string;
  /** Such as `eu-central-1`; `auto` for R2. */
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string;
  /**
   * An address without the bucket, such as `https://<account>.r2.cloudflarestorage.com`.
   *
   * @default that of AWS in the region
   */
  readonly endpoint?: string;
  /**
   * How long a request may take with all that it is repeated, in milliseconds.
   *
   * @default 20_000
   */
  readonly timeoutMs?: number;
}

/** How often a request is repeated after an answer of 5xx or 429, or while another write of the same key is under way. */
const MAX_RETRIES = 4;

/** The condition of a write did not hold. */
const PRECONDITION_FAILED = 412;
/** Another conditional write of the same key is under way, so that nobody knows yet whether the condition holds. */
const CONFLICT = 409;

interface S3Request {
  readonly method: "GET" | "HEAD" | "PUT" | "DELETE";
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
}

/** A bucket of S3, or of another store with its interface. It must honour `If-None-Match` and `If-Match` of writes. */
export function s3Bucket(options: S3Options): Bucket {
  return new S3Bucket(options);
}

class S3Bucket implements Bucket {
  readonly #client: AwsClient;
  readonly #name: string;
  readonly #address: string;
  readonly #timeoutMs: number;

  constructor(options: S3Options) {
    const { bucket, region, accessKeyId, secretAccessKey, sessionToken, timeoutMs = 20_000 } = options;
    const endpoint = options.endpoint ?? `https://s3.${region}.amazonaws.com`;
    this.#client = new AwsClient({
      service: "s3",
      region,
      accessKeyId,
      secretAccessKey,
      ...(sessionToken !== undefined && { sessionToken }),
      retries: MAX_RETRIES,
    });
    this.#name = bucket;
    this.#address = `${endpoint.replace(/\/+$/, "")}/${encodeURIComponent(bucket)}`;
    this.#timeoutMs = timeoutMs;
  }

  async get(key: string, { offset, length }: { offset: number; length: number }): ReturnType<Bucket["get"]> {
    const isEmpty = length === 0;
    const headers: Record<string, string> = isEmpty ? {} : { range: `bytes=${offset}-${offset + length - 1}` };
    const response = await this.#ask({ method: isEmpty ? "HEAD" : "GET", key, headers }, [404, 416]);
    if (response.status === 404) return undefined;
    // S3 has no range beyond the end.
    if (response.status === 416) return this.get(key, { offset: 0, length: 0 });
    const bytes = isEmpty ? new Uint8Array() : new Uint8Array(await response.arrayBuffer());
    return { bytes, etag: etagOf(response) };
  }

  async put(key: string, bytes: Uint8Array, when: "absent" | { etag: string }): Promise<string | undefined> {
    const body = new Uint8Array(bytes);
    // The store compares it with what arrives.
    const headers = { ...conditionOf(when), "x-amz-content-sha256": await sha256OfBytes(body) };
    const response = await this.#ask({ method: "PUT", key, headers, body }, [404, PRECONDITION_FAILED]);
    return response.ok ? etagOf(response) : undefined;
  }

  async delete(key: string, when?: { etag: string }): Promise<boolean> {
    const headers = when === undefined ? {} : conditionOf(when);
    const response = await this.#ask({ method: "DELETE", key, headers }, [404, PRECONDITION_FAILED]);
    return response.status !== PRECONDITION_FAILED;
  }

  async list(prefix: string): Promise<BucketListing> {
    const objects: { key: string; size: number }[] = [];
    const folders: string[] = [];
    for (let token = ""; ;) {
      const query = { "list-type": "2", delimiter: "/", "encoding-type": "url", prefix };
      const from: Record<string, string> = token === "" ? {} : { "continuation-token": token };
      const response = await this.#ask({ method: "GET", query: { ...query, ...from } }, []);
      const page = await response.text();
      for (const entry of elementsOf(page, "Contents")) {
        objects.push({ key: decodeKey(textOf(entry, "Key")), size: Number(textOf(entry, "Size")) });
      }
      for (const entry of elementsOf(page, "CommonPrefixes")) {
        folders.push(decodeKey(textOf(entry, "Prefix")).slice(prefix.length, -1));
      }
      if (textOf(page, "IsTruncated") !== "true") return { objects, folders };
      token = unescapeXml(textOf(page, "NextContinuationToken"));
    }
  }

  /** Returns an answer that is a success, or has one of the statuses `expected`. */
  async #ask(request: S3Request, expected: readonly number[]): Promise<Response> {
    const { method, key, query, headers = {}, body } = request;
    const path = key === undefined ? "" : `/${key.split("/").map(encodeURIComponent).join("/")}`;
    const url = `${this.#address}${path}${query === undefined ? "" : `?${new URLSearchParams(query)}`}`;
    const signal = AbortSignal.timeout(this.#timeoutMs);
    for (let tries = 0; ; tries++) {
      const response = await this.#client.fetch(url, { method, headers, signal, ...(body && { body }) });
      if (response.ok) return response;
      const answer = await response.text();
      if (response.status === CONFLICT && tries < MAX_RETRIES) {
        await delay(50 * (tries + 1), signal);
        continue;
      }
      const code = textOf(answer, "Code");
      // A bucket that is missing is no object that is missing.
      if (code === "NoSuchBucket") {
        const found = "that the store has no bucket of this name";
        throw fail("NOT_FOUND", `Cannot use the bucket "${this.#name}"`, { found, expected: "one: make it first" });
      }
      if (expected.includes(response.status)) return response;
      const said = [code, unescapeXml(textOf(answer, "Message"))].filter((text) => text !== "").join(": ");
      throw new Error(`status ${response.status} of the store${said === "" ? "" : ` (${said})`}`);
    }
  }
}

function conditionOf(when: "absent" | { etag: string }): Record<string, string> {
  return when === "absent" ? { "if-none-match": "*" } : { "if-match": when.etag };
}

function etagOf(response: Response): string {
  const etag = response.headers.get("etag");
  if (etag === null) throw new Error("an answer of the store without an ETag");
  return etag;
}

/** What stands in each element of this name. S3's answers have no attributes in them, and nothing nested of one name. */
function elementsOf(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>(.*?)</${name}>`, "gs"))].map((match) => match[1]!);
}

function textOf(xml: string, name: string): string {
  return elementsOf(xml, name)[0] ?? "";
}

/** Keys come URL-encoded, since XML cannot hold every character. */
function decodeKey(key: string): string {
  return decodeURIComponent(unescapeXml(key).replaceAll("+", " "));
}

const XML_ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function unescapeXml(text: string): string {
  return text.replaceAll(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => XML_ENTITIES[name]!);
}
