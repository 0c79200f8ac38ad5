/** What stands between the AI SDK and `fetch` to protect the key and the memory. */
import { RequestFailure } from "./retries.ts";

/** What is used of `fetch`. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** A vote has a few hundred bytes, with a model's thoughts some thousands. */
const MAX_BYTES = 1 << 20;

/**
 * Returns a `fetch` for requests that carry a key: it follows no redirect and reads at most 1 MiB.
 *
 * @throws {RequestFailure} For a redirect or a larger answer.
 */
export function guardedFetch(fetch: Fetch): Fetch {
  return async (input, init) => {
    const response = await fetch(input, { ...init, redirect: "manual" });
    if (response.status >= 300 && response.status < 400) {
      await response.body?.cancel();
      const to = hostOf(response.headers.get("location"), response.url);
      const expected = "a base_url where the model itself answers";
      throw new RequestFailure(`a redirect to ${to}, which is not followed`, { isFatal: true, expected });
    }
    return replaceBody(response, await readCapped(response));
  };
}

async function readCapped(response: Response): Promise<Blob> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) {
      throw new RequestFailure(`more than ${MAX_BYTES} bytes from the server`, { mayBeBilled: true });
    }
    chunks.push(chunk);
  }
  return new Blob(chunks);
}

/** A response with another body, decoded and of another length than its headers say. */
export function replaceBody(response: Response, body: Blob | string, status: number = response.status): Response {
  const headers = new Headers(response.headers);
  headers.delete("content-encoding");
  headers.delete("content-length");
  return new Response(body, { status, headers });
}

function hostOf(location: string | null, base: string): string {
  return location !== null && URL.canParse(location, base) ? `"${new URL(location, base).host}"` : "another address";
}
