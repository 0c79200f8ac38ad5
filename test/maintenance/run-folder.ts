import type { Finding } from "../../lib/maintenance/finding.ts";
import { encodeForgetMark } from "../../lib/memory/forget.ts";
import { setLabel } from "../../lib/runs/labels.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { resumeJob } from "../backtest/resume-samples.ts";
import { filesOf, runOn } from "../backtest/world-samples.ts";
import { bytesOf } from "../memory/folder-samples.ts";

/** The files of a memory folder after a finished run of four chunks, with a forget mark and a label. */
export class RunFolder {
  readonly files: Map<string, Uint8Array> = new Map();

  static async make(): Promise<RunFolder> {
    const storage = inMemoryStorage();
    const { name, bytes } = encodeForgetMark({ provider: "trend", beforeMs: Date.UTC(2018, 0, 1) });
    await storage.createOnce(name, bytes);
    await runOn(storage, resumeJob());
    await setLabel(storage, (await storage.list("runs")).folders[0]!, "four chunks");
    const folder = new RunFolder();
    for (const each of Object.keys(await filesOf(storage))) folder.files.set(each, await bytesOf(storage, each));
    return folder;
  }

  /** Makes a storage with these files and `changes`; `null` removes a file. */
  async copy(changes: Readonly<Record<string, Uint8Array | null>> = {}): Promise<Storage> {
    const storage = inMemoryStorage();
    for (const [name, bytes] of [...this.files, ...Object.entries(changes)]) {
      if (bytes === null) await storage.remove(name);
      else await storage.replace(name, bytes);
    }
    return storage;
  }

  /** The first name that matches a pattern. */
  find(pattern: RegExp): string {
    return [...this.files.keys()].find((name) => pattern.test(name))!;
  }

  /** The bytes of a file with one flipped bit. */
  flipped(name: string, bit: number): Uint8Array {
    const bytes = this.files.get(name)!.slice();
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    return bytes;
  }
}

/** The names of findings. */
export function namesOf(findings: readonly Finding[]): string[] {
  return findings.map(({ name }) => name);
}
