import fs from "node:fs";
import { join } from "node:path";
import { CarryoverError, fail, messageOf } from "../errors.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { attempt, readRegular } from "../storage/fs.node.ts";
import { sha256OfBytes } from "../util/sha256.ts";
import { MODEL_FILES, MODEL_REVISION, type ModelFile } from "./load.node.ts";

/** Where the sentence model is downloaded from: a commit, so that it is always the same. */
export const MODEL_URL: string = `https://huggingface.co/Xenova/all-MiniLM-L6-v2/resolve/${MODEL_REVISION}`;

export interface FetchOptions {
  /** Created if it is missing. */
  readonly modelDir: string;
  /** A folder with the files, instead of a download. */
  readonly from?: string | undefined;
  /** @default MODEL_URL */
  readonly baseUrl?: string | undefined;
  readonly signal: AbortSignal;
  /** Called with the number of bytes received of a file. */
  readonly onProgress?: (file: ModelFile, done: number) => void;
  /** A download ends when no byte arrives for this long. @default 30_000 */
  readonly stallMs?: number;
  /** @default the files of all-MiniLM-L6-v2 */
  readonly files?: readonly ModelFile[];
}

/** A file that is now in the model folder. */
export interface FetchedFile {
  readonly file: ModelFile;
  /** `there`: it already was. */
  readonly how: "there" | "downloaded" | "copied";
}

/**
 * Fetches the files of the sentence model. A file is received whole and compared with its SHA-256 before it is written, so
 * the folder never has a part of one.
 *
 * @throws {CarryoverError} `NOT_FOUND` if the server or folder lacks a file, `CORRUPT` if it has a different one, `IO` if the
 * download or the disk fails, `BAD_USAGE` for a bad base URL; the signal's reason.
 */
export async function fetchModel(options: FetchOptions): Promise<readonly FetchedFile[]> {
  const { modelDir, from, baseUrl = MODEL_URL, files = MODEL_FILES } = options;
  if (!/^https?:$/.test(URL.parse(baseUrl)?.protocol ?? "")) {
    const found = JSON.stringify(baseUrl);
    throw fail("BAD_USAGE", "Cannot use --base-url", { found, expected: "an http or https address" });
  }
  const storage = diskStorage(modelDir);
  const fetched: FetchedFile[] = [];
  for (const file of files) {
    if (await isThere(join(modelDir, file.name), file)) {
      fetched.push({ file, how: "there" });
      continue;
    }
    const source = from === undefined ? `${baseUrl.replace(/\/+$/, "")}/${file.hubPath}` : pathIn(from, file);
    const bytes =
      from === undefined
        ? await download(source, file, options)
        : attempt("copy", source, () => readRegular(source, { maxBytes: file.bytes }));
    const sha256 = await sha256OfBytes(bytes);
    if (bytes.length !== file.bytes || sha256 !== file.sha256) {
      throw fail("CORRUPT", `Cannot use "${source}"`, {
        found: `${bytes.length} bytes with SHA-256 ${sha256}`,
        expected: `${file.bytes} with ${file.sha256}`,
      });
    }
    await storage.replace(file.name, bytes);
    fetched.push({ file, how: from === undefined ? "downloaded" : "copied" });
  }
  return fetched;
}

async function isThere(path: string, file: ModelFile): Promise<boolean> {
  if (fs.statSync(path, { throwIfNoEntry: false })?.size !== file.bytes) return false;
  return (
    (await sha256OfBytes(attempt("read", path, () => readRegular(path, { maxBytes: file.bytes })))) === file.sha256
  );
}

/** Where a file is in a folder that is laid out like a model folder or like the hub. */
function pathIn(folder: string, file: ModelFile): string {
  const paths = [...new Set([file.name, file.hubPath])].map((name) => join(folder, name));
  const path = paths.find((each) => fs.existsSync(each));
  if (path !== undefined) return path;
  const found = `no ${paths.map((each) => `"${each}"`).join(" or ")}`;
  throw fail("NOT_FOUND", "Cannot copy the sentence model", { found, expected: "the file there" });
}

async function download(url: string, file: ModelFile, options: FetchOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { signal, stallMs = 30_000, onProgress } = options;
  const tried = `Cannot download "${url}"`;
  const stall = new AbortController();
  const onStall = (): void => stall.abort(new Error(`nothing for ${stallMs / 1000} s`));
  let timer = setTimeout(onStall, stallMs);
  try {
    const { status, body } = await fetch(url, { signal: AbortSignal.any([signal, stall.signal]) });
    if (status === 404 || status === 410) {
      const expected = "the file: name a server that has it with --base-url, or a folder with --from";
      throw fail("NOT_FOUND", tried, { found: `status ${status}`, expected });
    }
    if (status !== 200) throw new Error(`status ${status}`);
    const bytes = new Uint8Array(file.bytes);
    let done = 0;
    for await (const chunk of body ?? []) {
      clearTimeout(timer);
      timer = setTimeout(onStall, stallMs);
      if (done + chunk.length > file.bytes) {
        throw fail("CORRUPT", tried, { found: `more than ${file.bytes} bytes`, expected: `${file.bytes} bytes` });
      }
      bytes.set(chunk, done);
      done += chunk.length;
      onProgress?.(file, done);
    }
    return bytes.subarray(0, done);
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof CarryoverError) throw cause;
    const reason = messageOf(stall.signal.aborted ? stall.signal.reason : cause);
    throw fail("IO", tried, {
      // Bun appends advice for programmers.
      found: reason.replace(/\.? For more information.*/s, ""),
      expected: `${file.bytes} bytes: run again, or copy the files with --from`,
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
}
