import { RUNS_FOLDER } from "../backtest/run-store.ts";
import { memoryStorage } from "../files/memory-storage.ts";
import type { Storage } from "../files/storage.ts";

/** Larger files of a memory folder do not exist. */
const MAX_BYTES = 1 << 30;

/** Copies what a run reads of a memory folder, so that a trial run can write without leaving a trace. */
export async function copyInMemory(from: Storage): Promise<Storage> {
  const to = memoryStorage();
  const runs = (await from.list(RUNS_FOLDER)).folders.map((run) => `${RUNS_FOLDER}/${run}`);
  for (const folder of [undefined, ...runs]) {
    for (const { name } of (await from.list(folder)).files) {
      const path = folder === undefined ? name : `${folder}/${name}`;
      const bytes = await from.read(path, { maxBytes: MAX_BYTES });
      if (bytes !== undefined) await to.replace(path, bytes);
    }
  }
  return to;
}
