/** Files in parts, as a bucket keeps them. */
import { createHash } from "node:crypto";
import fs from "node:fs";
import { readFully } from "../storage/fs.node.ts";
import type { Pause } from "../util/async.ts";
import type { BackupFile } from "./manifest.ts";

/** Larger files are in parts of this size, so that each request ends in time. */
export const PART_BYTES: number = 4 << 20;

/** An object with bytes of a file. */
export interface FilePart {
  readonly index: number;
  /** Below `data/`. */
  readonly key: string;
  readonly size: number;
}

/** The objects of a file's bytes: one that is named after its SHA-256, or of a large file several, with a number behind it. */
export function partsOf({ size, sha256 }: Omit<BackupFile, "name">): FilePart[] {
  if (size <= PART_BYTES) return [{ index: 0, key: sha256, size }];
  return Array.from({ length: Math.ceil(size / PART_BYTES) }, (_, index) => ({
    index,
    key: `${sha256}.${index}`,
    size: Math.min(PART_BYTES, size - index * PART_BYTES),
  }));
}

/** What `readInParts()` found. */
export interface ReadFile {
  readonly size: number;
  readonly sha256: string;
  /** SHA-256 of each part, also of one part without bytes. */
  readonly partHashes: readonly string[];
}

/** Reads every byte of an open file. */
export async function readInParts(fd: number, pause: Pause): Promise<ReadFile> {
  const whole = createHash("sha256");
  const partHashes: string[] = [];
  for (let size = 0; ;) {
    const bytes = readPart(fd, partHashes.length);
    if (bytes.length > 0 || size === 0) partHashes.push(sha256Of(bytes));
    whole.update(bytes);
    size += bytes.length;
    await pause();
    if (bytes.length < PART_BYTES) return { size, sha256: whole.digest("hex"), partHashes };
  }
}

export function readPart(fd: number, index: number): Uint8Array {
  const room = new Uint8Array(Math.min(PART_BYTES, Math.max(0, fs.fstatSync(fd).size - index * PART_BYTES)));
  return room.subarray(0, readFully(fd, room, index * PART_BYTES));
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
