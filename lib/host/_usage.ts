import { isRecord } from "../files/json-file.ts";

/** Where a protocol has the counts of an answer: one that must be there, and others of which one must be. */
const COUNTS = {
  openai: { field: "usage", input: "prompt_tokens", outputs: ["completion_tokens"], others: [] },
  google: {
    field: "usageMetadata",
    input: "promptTokenCount",
    // A model that thought until it was cut off has no candidates' tokens.
    outputs: ["candidatesTokenCount", "thoughtsTokenCount"],
    others: ["toolUsePromptTokenCount"],
  },
} as const;

/**
 * Leaves of a response's counts those that matter, and none where one of them is no number: the SDK takes a count that is missing
 * for 0, and throws away a good vote for one of another type.
 */
export async function withSoundUsage(response: Response, api: keyof typeof COUNTS): Promise<Response> {
  if (!response.ok) return response;
  const text = await response.text();
  return new Response(soundText(text, api), { status: response.status, headers: response.headers });
}

function soundText(text: string, api: keyof typeof COUNTS): string {
  const { field, input, outputs, others } = COUNTS[api];
  try {
    const body: unknown = JSON.parse(text);
    if (!isRecord(body)) return text;
    const said = isRecord(body[field]) ? body[field] : {};
    const counts = [input, ...outputs, ...others].flatMap((key) => {
      const count = said[key] ?? undefined;
      return count === undefined ? [] : [[key, count] as const];
    });
    const has = (key: string): boolean => counts.some(([each]) => each === key);
    const isSound =
      counts.every(([, count]) => typeof count === "number" && Number.isFinite(count)) &&
      has(input) &&
      outputs.some(has);
    return JSON.stringify({ ...body, [field]: isSound ? Object.fromEntries(counts) : null });
  } catch {
    // No JSON, or too deep: whoever reads it next says so.
    return text;
  }
}
