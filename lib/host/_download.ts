import fs from "node:fs";
import { CarryoverError, messageOf } from "../errors.ts";
import { attempt, discard, READ_WRITE, writeAll } from "./_durable.ts";

/** How a file is downloaded. */
export interface DownloadOptions {
  /** Size of the whole file. */
  readonly bytes: number;
  /** How long nothing may come before the download is given up. */
  readonly stallMs: number;
  readonly signal: AbortSignal;
  /** Told how many bytes of the file are on disk. */
  readonly onBytes: (done: number) => void;
}

/**
 * Downloads a file to `part`, from where an earlier download was cut off if the server can do so. What came before a
 * failure stays for the next one.
 *
 * @returns Whether bytes of an earlier download were kept.
 * @throws {CarryoverError} `NOT_FOUND` if the server does not have it, `CORRUPT` if it has one of another size, `IO` for
 * whatever else went wrong; the signal's reason.
 */
export async function download(url: string, part: string, options: DownloadOptions): Promise<{ resumed: boolean }> {
  const fd = attempt("write", part, () => fs.openSync(part, READ_WRITE, 0o600));
  try {
    const size = fs.fstatSync(fd).size;
    const kept = size > options.bytes ? 0 : size;
    if (kept === options.bytes) return { resumed: true };
    return { resumed: (await receive(url, fd, { ...options, part, kept })) > 0 };
  } finally {
    const isEmpty = fs.fstatSync(fd).size === 0;
    fs.closeSync(fd);
    if (isEmpty) discard(part);
  }
}

/** Requests what is missing and writes it; returns how many bytes that were there were kept. */
async function receive(
  url: string,
  fd: number,
  options: DownloadOptions & { part: string; kept: number },
): Promise<number> {
  const { bytes, part, signal, stallMs, onBytes } = options;
  const stalled = new AbortController();
  const giveUp = (): void => stalled.abort(new Error(`nothing for ${stallMs / 1000} s`));
  let timer = setTimeout(giveUp, stallMs);
  try {
    const response = await fetch(url, {
      // Compressed bytes would have other places in the file.
      headers: {
        "accept-encoding": "identity",
        ...(options.kept === 0 ? {} : { range: `bytes=${options.kept}-` }),
      },
      signal: AbortSignal.any([signal, stalled.signal]),
    });
    const kept = checkAnswer(response, { url, bytes, kept: options.kept });
    attempt("write", part, () => fs.ftruncateSync(fd, kept));
    let done = kept;
    for await (const chunk of response.body ?? []) {
      clearTimeout(timer);
      timer = setTimeout(giveUp, stallMs);
      if (done + chunk.length > bytes) throw otherSize(url, `more than ${bytes} bytes`, bytes);
      const at = done;
      attempt("write", part, () => writeAll(fd, chunk, at));
      done += chunk.length;
      onBytes(done);
    }
    if (done < bytes) throw new Error(`an end after ${done} of ${bytes} bytes`);
    return kept;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof CarryoverError) throw error;
    const reason = stalled.signal.aborted ? stalled.signal.reason : error;
    // Bun adds advice that is none to a user.
    const found = messageOf(reason).replace(/\.? For more information.*/s, "");
    throw new CarryoverError(
      "IO",
      `Cannot download "${url}": found ${found}, expected ${bytes} bytes: run again, which goes on from what came so far; or copy ` +
        `the files with --from`,
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
  }
}

/** Returns how many bytes that are there the answer goes on from: 0 where the server sends the whole file. */
function checkAnswer(response: Response, options: { url: string; bytes: number; kept: number }): number {
  const { url, bytes, kept } = options;
  const { status, headers } = response;
  if (status === 404 || status === 410) {
    throw new CarryoverError(
      "NOT_FOUND",
      `Cannot download "${url}": found status ${status}, expected the file: name a server that has it with --base-url, or ` +
        `a folder with --from`,
    );
  }
  if (status === 206) {
    const [, first, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get("content-range") ?? "") ?? [];
    if (Number(first) === kept && Number(total) === bytes) return kept;
    throw otherSize(url, `the range ${JSON.stringify(headers.get("content-range"))}`, bytes);
  }
  // All bytes that are there are more than the server's file has.
  if (status === 416) throw otherSize(url, `no byte after ${kept}`, bytes);
  if (status !== 200) throw new Error(`status ${status}`);
  const length = headers.get("content-length");
  if (length !== null && !headers.has("content-encoding") && Number(length) !== bytes) {
    throw otherSize(url, `${length} bytes`, bytes);
  }
  return 0;
}

function otherSize(url: string, found: string, bytes: number): CarryoverError {
  return new CarryoverError("CORRUPT", `Cannot download "${url}": found ${found}, expected ${bytes} bytes`);
}
