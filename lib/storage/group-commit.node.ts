// The default import, so that tests can make single calls fail.
import fs from "node:fs";
import { dirname, join } from "node:path";
import { CREATE_ONLY, discard, ioError, openFolder, READ_ONLY, temporaryName, writeAll } from "./fs.node.ts";
import type { Syncs } from "./syncs.node.ts";

/** Files that are being made durable at once: the others wait, so that handles do not run out. */
const MAX_IN_FLIGHT = 64;

/** Gives a temporary file its name; `false` if the name is taken. Nothing is left under the temporary name. */
export type GiveName = (temp: string, path: string) => boolean;

/** A call that waits until it is durable. */
interface Call {
  /** What is done to `path`, for messages. */
  readonly verb: string;
  readonly path: string;
  /** Opens what has to be synced; `undefined` if the system cannot sync it. */
  readonly open: () => number | undefined;
  /** Called after the sync. */
  readonly finish: () => boolean;
  /** Called in place of `finish` after an error. */
  readonly undo: () => void;
  readonly resolve: (isNamed: boolean) => void;
  readonly reject: (error: unknown) => void;
}

type OpenCall = Call & { readonly fd: number | undefined };

/** A folder in which calls of a group have given names. */
interface Folder {
  readonly fd: number | undefined;
  readonly named: { readonly call: Call; readonly isNamed: boolean }[];
}

/**
 * Makes files durable in groups, as databases commit transactions. A group's files are synced side by side, then get their names
 * in the order of the calls, then their folders are synced once. Files that come in meanwhile are written under temporary names
 * and are the next group.
 */
export class GroupCommit {
  readonly #syncs: Syncs;
  /** Why a sync failed. Every call that was under way then fails with it. */
  #failure: unknown;
  readonly #waiting: Call[] = [];
  #next: OpenCall[] = [];
  #inFlight = 0;
  #isRunning = false;
  readonly #assertLockHeld: () => void;

  /** @param options `assertLockHeld` throws if the folder's lock was lost. No file gets a name then. */
  constructor(syncs: Syncs, { assertLockHeld }: { assertLockHeld: () => void }) {
    this.#syncs = syncs;
    this.#assertLockHeld = assertLockHeld;
  }

  /**
   * Writes a file. `bytes` must stay as they are until then.
   *
   * @returns What `giveName` returned, when the name is durable.
   */
  write(path: string, bytes: Uint8Array, options: { verb: string; giveName: GiveName }): Promise<boolean> {
    const { verb, giveName } = options;
    const temp = join(dirname(path), temporaryName());
    return this.#add({
      verb,
      path,
      open: () => writeNew(temp, bytes),
      finish: () => giveName(temp, path),
      undo: () => discard(temp),
    });
  }

  /** Makes a file durable that has its name: whoever created it may have died before doing so. */
  async settle(path: string): Promise<void> {
    // Windows syncs only what is open for writing.
    const open = (): number | undefined => (process.platform === "win32" ? undefined : fs.openSync(path, READ_ONLY));
    await this.#add({ verb: "sync", path, open, finish: () => false, undo: () => {} });
  }

  #add(call: Omit<Call, "resolve" | "reject">): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...call, resolve, reject });
      this.#openWaiting();
      if (this.#isRunning || this.#next.length === 0) return;
      this.#isRunning = true;
      // Calls that are made side by side are one group.
      queueMicrotask(() => void this.#run());
    });
  }

  /** Writes the files of waiting calls, as far as there is room. */
  #openWaiting(): void {
    while (this.#inFlight < MAX_IN_FLIGHT) {
      const call = this.#waiting.shift();
      if (call === undefined) return;
      try {
        this.#assertNoneFailed();
        this.#next.push({ ...call, fd: call.open() });
        this.#inFlight += 1;
      } catch (error) {
        abandon(call, error);
      }
    }
  }

  async #run(): Promise<void> {
    while (this.#next.length > 0) {
      const group = this.#next;
      this.#next = [];
      await this.#commit(group);
      this.#inFlight -= group.length;
      this.#openWaiting();
    }
    this.#isRunning = false;
  }

  /** Settles every call of a group. */
  async #commit(group: readonly OpenCall[]): Promise<void> {
    const synced = await Promise.allSettled(group.map(({ fd, path }) => this.#syncAndClose(fd, path)));
    const folders = new Map<string, Folder>();
    synced.forEach((sync, i) => {
      if (sync.status === "fulfilled") return;
      const { verb, path } = group[i]!;
      const error = ioError(verb, path, sync.reason);
      if (this.#syncs.hasFailed) this.#failure ??= error;
      abandon(group[i]!, error);
    });
    synced.forEach((sync, i) => {
      if (sync.status === "fulfilled") this.#finish(group[i]!, folders);
    });
    await Promise.all([...folders].map(([path, folder]) => this.#syncFolder(path, folder)));
  }

  #finish(call: OpenCall, folders: Map<string, Folder>): void {
    const path = dirname(call.path);
    try {
      this.#assertNoneFailed();
      this.#assertLockHeld();
      let folder = folders.get(path);
      // Before anything in it is changed: running out of handles then fails before the change, not after it.
      if (folder === undefined) folders.set(path, (folder = { fd: openFolder(path), named: [] }));
      folder.named.push({ call, isNamed: call.finish() });
    } catch (error) {
      abandon(call, error);
    }
  }

  async #syncFolder(path: string, { fd, named }: Folder): Promise<void> {
    try {
      await this.#syncAndClose(fd, path);
    } catch (error) {
      this.#failure ??= ioError("sync", path, error);
      for (const { call } of named) call.reject(this.#failure);
      return;
    }
    for (const { call, isNamed } of named) call.resolve(isNamed);
  }

  #assertNoneFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#syncs.assertNoneFailed();
  }

  async #syncAndClose(fd: number | undefined, path: string): Promise<void> {
    if (fd === undefined) return;
    try {
      this.#assertNoneFailed();
      await this.#syncs.beside(fd, path);
    } finally {
      fs.closeSync(fd);
    }
  }
}

function abandon({ verb, path, undo, reject }: Call, error: unknown): void {
  undo();
  reject(ioError(verb, path, error));
}

/** Writes a new file and leaves it open. */
function writeNew(path: string, bytes: Uint8Array): number {
  const fd = fs.openSync(path, CREATE_ONLY, 0o600);
  try {
    writeAll(fd, bytes, 0);
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}
