/** How long a server asks to wait, in the many ways in which servers say it. */

type Headers = Readonly<Record<string, string | undefined>>;

/**
 * The wait that headers ask for, ms: `retry-after-ms`, `retry-after` (RFC 9110, 10.2.3), or the `ratelimit-reset` of what is used
 * up, under the names of OpenAI, Groq, Azure, OpenRouter and Anthropic.
 *
 * @param headers Names in lower case.
 * @param now Wall-clock time, epoch ms.
 */
export function waitOfHeaders(headers: Headers, now: number): number | undefined {
  const inMs = numberOf(headers["retry-after-ms"]);
  if (inMs !== undefined) return inMs;
  const retryAfter = headers["retry-after"]?.trim() ?? "";
  const seconds = numberOf(retryAfter);
  if (seconds !== undefined) return seconds * 1000;
  return dateWait(retryAfter, now) ?? resetWait(headers, now);
}

/** The wait that an error asks for, ms: Gemini's `"retryDelay": "8s"` (google.rpc.RetryInfo), or "try again in 7.66s", "please wait 7 seconds". */
export function waitOfBody(body: string): number | undefined {
  const delay = /"retryDelay"\s*:\s*"([\d.]+s)"/.exec(body)?.[1];
  const words =
    /\b(?:(?:re)?try (?:again )?(?:in|after)|please wait) (\d[\d.hms]*)(?: (ms|milliseconds|s|sec|seconds?|m|min|minutes?)\b)?/i.exec(
      body,
    );
  if (delay !== undefined) return goDuration(delay);
  if (words === null) return undefined;
  const [, amount = "", unit = ""] = words;
  return goDuration(
    `${amount.replace(/\.$/, "")}${
      /[hms]$/.test(amount)
        ? ""
        : unit
            .toLowerCase()
            .replace(/^mil.*/, "ms")
            .replace(/^m(?:in.*)?$/, "m")
            .replace(/^s.*/, "s")
    }`,
  );
}

/** Where several limits are reported, the wait is for those that are used up, else for the first that is reset. */
function resetWait(headers: Headers, now: number): number | undefined {
  const resets = Object.entries(headers).flatMap(([name, value = ""]) => {
    if (!/(?:^|-)ratelimit-(?:.*-)?reset(?:-|$)/.test(name)) return [];
    const wait = goDuration(value) ?? pointWait(value, now) ?? dateWait(value, now);
    return wait === undefined ? [] : [{ wait, isUsedUp: numberOf(headers[name.replace("reset", "remaining")]) === 0 }];
  });
  const usedUp = resets.filter(({ isUsedUp }) => isUsedUp).map(({ wait }) => wait);
  if (usedUp.length > 0) return Math.max(...usedUp);
  return resets.length === 0 ? undefined : Math.min(...resets.map(({ wait }) => wait));
}

function numberOf(text = ""): number | undefined {
  return /^\s*\d{1,15}(?:\.\d{1,9})?\s*$/.test(text) ? Number(text) : undefined;
}

/** Such as `6m0s`, `2m59.56s`, `20ms`. */
function goDuration(text: string): number | undefined {
  const match = /^(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,9}(?:\.\d{1,9})?)s)?(?:(\d{1,9}(?:\.\d{1,9})?)ms)?$/.exec(
    text.trim(),
  );
  if (match === null || match[0] === "") return undefined;
  const [hours, minutes, seconds, ms] = match.slice(1).map((part) => Number(part ?? 0));
  return hours! * 3_600_000 + minutes! * 60_000 + seconds! * 1000 + ms!;
}

/** Numbers this large are points in time, in ms and in seconds. */
const MIN_EPOCH_MS = 1e11;
const MIN_EPOCH_SECONDS = 1e8;

/** A number of seconds, or the epoch ms or epoch seconds at which the wait ends. */
function pointWait(text: string, now: number): number | undefined {
  const number = numberOf(text);
  if (number === undefined || number < MIN_EPOCH_SECONDS) return number === undefined ? undefined : number * 1000;
  return Math.max(0, (number < MIN_EPOCH_MS ? number * 1000 : number) - now);
}

function dateWait(text: string, now: number): number | undefined {
  // Date.parse takes any number for a year.
  const date = /[A-Za-z]{3}|\dT\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
