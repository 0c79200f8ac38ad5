import { join } from "node:path";
import { type Config, SYNTHETIC } from "./config.ts";

/** The folder of a configuration's runs: those on synthetic bars have one of their own, so that no real run remembers them. */
export function memoryFolder({ memory, backtest }: Pick<Config, "memory" | "backtest">): string {
  return backtest.data_dir === SYNTHETIC ? join(memory.dir, SYNTHETIC) : memory.dir;
}

/** The folder of runs without memory, so that no other run remembers their outcomes. */
export function folderWithoutMemory(folder: string): string {
  return join(folder, "off");
}
