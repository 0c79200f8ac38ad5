import fs from "node:fs";
import { join } from "node:path";
import { copyFile, type Fingerprint, fingerprintOf, sameBytes, syncFiles } from "../storage/tree.node.ts";
import { CarryoverError, messageOf } from "../errors.ts";
import { attempt, discard, makeFolder, READ_WRITE, syncFolder, writeAll } from "../storage/fs.node.ts";
import { MODEL_FILES, MODEL_REVISION, type ModelFile } from "./load.node.ts";

/** Where the sentence model is downloaded from, unless told: a commit, so that it is always the same. */
export const MODEL_URL: string = `https://huggingface.co/Xenova/all-MiniLM-L6-v2/resolve/${MODEL_REVISION}`;

const STALL_MS = 30_000;

/** How the model is fetched. */
export interface FetchOptions {
  /** Where it is to be; made if it is not there. */
  readonly modelDir: string;
  /** A folder that has the files, in place of a download. */
  readonly from?: string | undefined;
  /** Where to download from. @default MODEL_URL */
  readonly baseUrl?: string | undefined;
  readonly signal: AbortSignal;
  /** Told how far the download of a file is. */
  readonly onProgress?: (file: ModelFile, done: number) => void;
  /** How long nothing may come before a download is given up. @default 30_000 */
  readonly stallMs?: number;
  /** What to fetch. @default the files of all-MiniLM-L6-v2 */
  readonly files?: readonly ModelFile[];
}

/** A file that is in the model folder now, checked. */
export interface FetchedFile {
  readonly file: ModelFile;
  /** `there`: it was already; `resumed`: a download that had been cut off was finished. */
  readonly how: "there" | "downloaded" | "resumed" | "copied";
}

/**
 * Fetches the files of the sentence model. Each is checked against its SHA-256 before it gets its name, durably; a
 * download that is cut off leaves `<name>.part`, from which the next goes on.
 *
 * @throws {CarryoverError} `NOT_FOUND` if server or folder do not have a file, `CORRUPT` if theirs is another, which is not
 * kept; `IO` if the download or the disk fails; `BAD_USAGE` for a base URL that is none; the signal's reason.
 */
export async function fetchModel(options: FetchOptions): Promise<readonly FetchedFile[]> {
  const { modelDir, from, baseUrl = MODEL_URL, files = MODEL_FILES } = options;
  if (!/^https?:$/.test(URL.parse(baseUrl)?.protocol ?? "")) {
    const found = JSON.stringify(baseUrl);
    throw new CarryoverError("BAD_USAGE", `Cannot use --base-url: found ${found}, expected an http or https address`);
  }
  attempt("make", modelDir, () => makeFolder(modelDir));
  const fetched: FetchedFile[] = [];
  for (const file of files) {
    const source = from === undefined ? hubSource(file, { ...options, baseUrl }) : folderSource(file, from);
    fetched.push({ file, how: await fetchFile(file, { modelDir, source }) });
  }
  return fetched;
}

/** Where a file comes from. */
interface Source {
  readonly label: string;
  /** Brings it to a path. */
  readonly bring: (part: string) => Promise<FetchedFile["how"]>;
}

/** Brings one file in, unless it is there. */
async function fetchFile(file: ModelFile, options: { modelDir: string; source: Source }): Promise<FetchedFile["how"]> {
  const { modelDir, source } = options;
  const path = join(modelDir, file.name);
  const part = `${path}.part`;
  for (;;) {
    if (isFile(path, file)) return "there";
    let how: FetchedFile["how"];
    try {
      how = await source.bring(part);
    } catch (error) {
      if (error instanceof CarryoverError && error.code === "CORRUPT") discard(part);
      throw error;
    }
    const found = attempt("read", part, () => fingerprintOf(part));
    if (sameBytes(found, wantedOf(file))) {
      attempt("write", path, () => {
        syncFiles(modelDir, [`${file.name}.part`]);
        fs.renameSync(part, path);
        syncFolder(modelDir);
      });
      return how;
    }
    discard(part);
    // What an earlier download left may be the cause; where it is gone, another process was here.
    if (how === "resumed" || found === undefined) continue;
    throw new CarryoverError(
      "CORRUPT",
      `Cannot use "${source.label}": found ${found.size} bytes with SHA-256 ${found.sha256}, expected ${file.bytes} with ` +
        file.sha256,
    );
  }
}

function hubSource(file: ModelFile, options: FetchOptions & { baseUrl: string }): Source {
  const { baseUrl, signal, stallMs = STALL_MS, onProgress } = options;
  const url = `${baseUrl.replace(/\/+$/, "")}/${file.hubPath}`;
  return {
    label: url,
    bring: async (part) => {
      const onBytes = (done: number): void => onProgress?.(file, done);
      const { resumed } = await download(url, part, { bytes: file.bytes, stallMs, signal, onBytes });
      return resumed ? "resumed" : "downloaded";
    },
  };
}

/** A folder that is laid out like a model folder or like the hub. */
function folderSource(file: ModelFile, folder: string): Source {
  const paths = [...new Set([file.name, file.hubPath])].map((name) => join(folder, name));
  const path = paths.find((each) => fs.existsSync(each));
  if (path === undefined) {
    const found = paths.map((each) => `"${each}"`).join(" or ");
    throw new CarryoverError("NOT_FOUND", `Cannot copy the sentence model: found no ${found}, expected the file there`);
  }
  return {
    label: path,
    bring: async (part) => {
      attempt("copy", path, () => {
        fs.rmSync(part, { force: true });
        copyFile(fs.realpathSync(path), part);
      });
      return "copied";
    },
  };
}

function isFile(path: string, file: ModelFile): boolean {
  if (fs.statSync(path, { throwIfNoEntry: false })?.size !== file.bytes) return false;
  return sameBytes(
    attempt("read", path, () => fingerprintOf(fs.realpathSync(path))),
    wantedOf(file),
  );
}

function wantedOf({ bytes, sha256 }: ModelFile): Fingerprint {
  return { size: bytes, sha256 };
}

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
