/** Opens a memory folder for programs outside, under its lock. */
import { randomBytes } from "node:crypto";
import { type Config } from "../config/config.ts";
import { loadEmbedder } from "../embed/load.node.ts";
import { openLocked } from "../memory/open.node.ts";
import type { OpenMemoryOptions } from "../memory/store.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { FolderHealth } from "./health.node.ts";
import { MemoryServer } from "./memory-server.ts";
import { MethodCalls } from "./methods.ts";

export interface OpenServerOptions extends Pick<OpenMemoryOptions, "onEmbedded"> {
  readonly config: Config;
  /** The folder and what makes its vectors, paths absolute. */
  readonly memory: Config["memory"];
  readonly onNote: (note: string) => void;
  readonly signal: AbortSignal;
}

/** A memory folder that programs may use. */
export interface OpenServer {
  readonly calls: MethodCalls;
  readonly health: FolderHealth;
  /** Makes durable what sessions have, and releases the folder. */
  readonly close: () => Promise<void>;
}

/** @throws {CarryoverError} `LOCKED` if another process writes to it; as `openMemoryFolder()` does. */
export async function openServer(options: OpenServerOptions): Promise<OpenServer> {
  const { config, onNote, onEmbedded, signal } = options;
  const embedder = await loadEmbedder(options.memory, { signal });
  const { dir } = options.memory;
  const health = new FolderHealth(diskStorage(dir), { folder: dir, onNote });
  const { memory, close } = await openLocked(health.storage, { embedder, onNote, onEmbedded, signal });
  for (const { name, problem } of memory.damaged) onNote(`Moved "${name}" to quarantine: ${problem}`);
  const newName = (): string => `s-${randomBytes(6).toString("hex")}`;
  const calls = new MethodCalls(new MemoryServer({ memory, config, now: () => Date.now(), newName }));
  return { calls, health, close: () => calls.stop().finally(close) };
}

/** A secret that nobody guesses. */
export function newToken(): string {
  return randomBytes(32).toString("base64url");
}
