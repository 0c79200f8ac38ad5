/** What report prints. */
import { dirname } from "node:path";
import type { StoredReport } from "../../lib/report/make.node.ts";
import { shownPath } from "../../lib/util/command-line.node.ts";
import { bytes } from "./numbers.ts";
import { SCREEN_COLUMNS, wrap } from "./table.ts";

export function renderReport({ file, size_bytes: size, verdict }: StoredReport): string {
  const lines = verdict.flatMap((text) => wrap(text, SCREEN_COLUMNS));
  const place = dirname(file) === process.cwd() ? " in the current folder" : "";
  return `${lines.join("\n")}\nReport     ${shownPath(file)}${place} (${bytes(size)})\n`;
}
