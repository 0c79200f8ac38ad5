/** Tells the states of a session apart. Its run id stays the same while it goes on, and may come back after it was removed. */
import { RunFiles } from "../backtest/run-files.ts";
import { undefinedIfCorrupt } from "../errors.ts";
import type { Storage } from "../storage/storage.ts";
import { areEqual } from "../util/bytes.ts";
import { decodeJsonObject } from "../util/json.ts";
import { isNewName } from "../util/names.ts";

interface Places {
  readonly memory: Storage;
  readonly backup: Storage;
}

/**
 * Whether a file of a session in a backup may be of the state that memory has, before the check of memory looks at it. The check
 * compares a manifest with the run id, a record with decisions, equity and outcomes, and these with the record.
 *
 * @param name Such as `runs/<run_id>/summary.json`.
 */
export async function isOfSameState(name: string, places: Places): Promise<boolean> {
  const [, run, file] = name.split("/") as [string, string, string];
  if (file === "summary.json") return hasSameRecords(run, places);
  const chunk = /^(.+)\.(decisions\.ndjson|equity\.csv)$/.exec(file)?.[1];
  if (chunk === undefined) return true;
  const record = await undefinedIfCorrupt(() => new RunFiles(places.memory, run).readChunk(chunk));
  return record !== undefined || (await isSameButForDamage(name, places));
}

/** Whether memory has the record of the chunk at whose end a backup's snapshot was made. */
export async function isSnapshotOfSameState(name: string, places: Places): Promise<boolean> {
  const bytes = await readAll(places.backup, name);
  const fields = bytes && (await undefinedIfCorrupt(async () => decodeJsonObject(bytes, name)));
  const record = `runs/${String(fields?.["run_id"])}/${String(fields?.["chunk"])}.json`;
  // What a damaged snapshot names may be no file.
  return isNewName(record) && isSameRecord(record, places);
}

async function hasSameRecords(run: string, { memory, backup }: Places): Promise<boolean> {
  const chunks = await new RunFiles(memory, run).chunkNames();
  const inBackup = await new RunFiles(backup, run).chunkNames();
  if (chunks.join("\n") !== inBackup.join("\n")) return false;
  for (const chunk of chunks) if (!(await isSameRecord(`runs/${run}/${chunk}.json`, { memory, backup }))) return false;
  return true;
}

async function isSameRecord(name: string, { memory, backup }: Places): Promise<boolean> {
  const [record, copy] = [await readAll(memory, name), await readAll(backup, name)];
  return record !== undefined && copy !== undefined && areEqual(record, copy);
}

/** Whether two files of decisions have the same size, and the same lines wherever those of memory are whole: one at least. */
async function isSameButForDamage(name: string, { memory, backup }: Places): Promise<boolean> {
  const [damaged, copy] = [await readAll(memory, name), await readAll(backup, name)];
  if (damaged === undefined || copy === undefined || damaged.length !== copy.length) return false;
  const [lines, copied] = [damaged, copy].map((bytes) => new TextDecoder().decode(bytes).split("\n"));
  const whole = lines!.map((line, i) => ({ line, i })).filter(({ line }) => isWhole(line, name));
  return whole.length > 0 && whole.every(({ line, i }) => line === copied![i]);
}

function isWhole(line: string, name: string): boolean {
  try {
    decodeJsonObject(new TextEncoder().encode(line), name);
    return true;
  } catch {
    return false;
  }
}

function readAll(storage: Storage, name: string): Promise<Uint8Array | undefined> {
  return storage.read(name, { maxBytes: 1 << 30 });
}
