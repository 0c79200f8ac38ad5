import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Makes a temporary folder for the tests of a file. It is removed when they end. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `carryover-${name}-`));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
