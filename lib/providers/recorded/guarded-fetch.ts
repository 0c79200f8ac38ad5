/** What stands between the AI SDK and `fetch`: protection for the key, and answers in a form that the SDK reads rightly. */
import { isRecord } from "../../util/json.ts";
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
      throw new RequestFailure(`a redirect to ${to}, which is not followed`, { expected });
    }
    return replaceBody(response, await readCapped(response));
  };
}

async function readCapped(response: Response): Promise<Blob> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES)
      throw new RequestFailure(`the server's answer is larger than ${MAX_BYTES} bytes`, { mayBeBilled: true });
    chunks.push(chunk);
  }
  return new Blob(chunks);
}

/** A response with another body, decoded and of another length than its headers say. */
function replaceBody(response: Response, body: Blob | string): Response {
  const headers = new Headers(response.headers);
  headers.delete("content-encoding");
  headers.delete("content-length");
  return new Response(body, { status: response.status, headers });
}

function hostOf(location: string | null, base: string): string {
  return location !== null && URL.canParse(location, base) ? `"${new URL(location, base).host}"` : "another address";
}

/** Where each protocol counts tokens: `input` must be there, and one of `outputs`. */
const COUNTS = {
  openai: { field: "usage", input: "prompt_tokens", outputs: ["completion_tokens"], others: [] },
  google: {
    field: "usageMetadata",
    input: "promptTokenCount",
    // A model that was cut off while it thought has no tokens of candidates.
    outputs: ["candidatesTokenCount", "thoughtsTokenCount"],
    others: ["toolUsePromptTokenCount"],
  },
} as const;

/**
 * Returns a `fetch` whose answers keep only the token counts that are used, and none if one of them is missing or no number.
 * The SDK takes a missing count for 0, and rejects a good vote for a count of another type.
 */
export function withSoundUsage(fetch: Fetch, api: keyof typeof COUNTS): Fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    return response.ok ? replaceBody(response, soundUsage(await response.text(), api)) : response;
  };
}

function soundUsage(text: string, api: keyof typeof COUNTS): string {
  const { field, input, outputs, others } = COUNTS[api];
  try {
    const body: unknown = JSON.parse(text);
    if (!isRecord(body)) return text;
    const usage = isRecord(body[field]) ? body[field] : {};
    const keys = [input, ...outputs, ...others].filter((key) => (usage[key] ?? undefined) !== undefined);
    const isSound =
      keys.every((key) => Number.isFinite(usage[key])) &&
      keys.includes(input) &&
      outputs.some((output) => keys.includes(output));
    const sound = isSound ? Object.fromEntries(keys.map((key) => [key, usage[key]])) : null;
    return JSON.stringify({ ...body, [field]: sound });
  } catch {
    // No JSON, or nested too deeply: the SDK reports it.
    return text;
  }
}
