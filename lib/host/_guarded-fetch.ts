import { RequestFailure } from "../providers/llm.ts";

/** A vote is a few hundred bytes; with a model's thoughts, some thousands. */
const MAX_BYTES = 1 << 20;

/**
 * `fetch` for requests that carry a key: follows no redirect, always checks certificates, and takes no more than 1 MiB.
 *
 * @throws {RequestFailure} For a redirect or too large an answer.
 */
export const guardedFetch: typeof fetch = Object.assign(
  async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await fetch(input, { ...init, redirect: "manual", tls: { rejectUnauthorized: true } });
    if (response.status >= 300 && response.status < 400) {
      await response.body?.cancel();
      const to = hostOf(response.headers.get("location"), response.url);
      throw new RequestFailure(`a redirect to ${to}, which is not followed`, {
        isTransient: false,
        mayBeBilled: false,
        expected: "a base_url where the model itself answers",
      });
    }
    const bytes = await readCapped(response);
    return new Response(bytes, { status: response.status, headers: plainHeaders(response.headers) });
  },
  { preconnect: fetch.preconnect },
);

async function readCapped(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) {
      throw new RequestFailure(`the server's answer is larger than ${MAX_BYTES} bytes`, {
        isTransient: false,
        mayBeBilled: true,
      });
    }
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The body was decoded, so these no longer say what it is. */
function plainHeaders(headers: Headers): Headers {
  const plain = new Headers(headers);
  plain.delete("content-encoding");
  plain.delete("content-length");
  return plain;
}

function hostOf(location: string | null, base: string): string {
  return location !== null && URL.canParse(location, base) ? `"${new URL(location, base).host}"` : "another address";
}
