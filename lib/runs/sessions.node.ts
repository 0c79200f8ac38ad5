import { existsSync } from "node:fs";
import { RunFiles } from "../backtest/run-files.ts";
import { undefinedIfCorrupt } from "../errors.ts";
import { isSession } from "./describe.ts";
import { runsIn } from "./find.node.ts";

/**
 * Counts the sessions of serve in a memory folder, and its other runs. A missing folder has none.
 *
 * @throws {CarryoverError} As `runsIn()` does.
 */
export async function countSessions(memoryDir: string): Promise<{ readonly sessions: number; readonly runs: number }> {
  if (!existsSync(memoryDir)) return { sessions: 0, runs: 0 };
  let [sessions, runs] = [0, 0];
  for (const { storage, id } of await runsIn(memoryDir)) {
    const key = await undefinedIfCorrupt(() => new RunFiles(storage, id).readManifestHead());
    if (key !== undefined && isSession(key)) sessions += 1;
    else runs += 1;
  }
  return { sessions, runs };
}
