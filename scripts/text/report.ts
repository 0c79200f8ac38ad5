/** What report prints. */
import type { StoredReport } from "../../lib/report/make.node.ts";
import { bytes } from "./numbers.ts";
import { shownPath } from "./table.ts";

export function renderReport({ file, size_bytes: size, verdict }: StoredReport): string {
  return `${verdict.join("\n")}\nReport     ${shownPath(file)} (${bytes(size)})\n`;
}
