/** `runs/labels.json`: what a user calls runs. It is not part of them: no run reads it, and no id depends on it. */
import { RUNS_FOLDER } from "../backtest/run-files.ts";
import { corruptFile, fail } from "../errors.ts";
import { encodeSealedJson, readSealedJson } from "../storage/sealed-json.ts";
import type { Storage } from "../storage/storage.ts";
import { isRecord } from "../util/json.ts";

export const LABELS_FILE: string = `${RUNS_FOLDER}/labels.json`;

const MAX_LABEL_LENGTH = 60;
const MAX_FILE_BYTES = 1 << 24;

/** The name that always means the newest run. */
export const LATEST = "latest";

/**
 * The labels of a memory folder's runs, by run id.
 *
 * @throws {CarryoverError} `CORRUPT`.
 */
export async function readLabels(storage: Storage): Promise<ReadonlyMap<string, string>> {
  const found = await readSealedJson(storage, LABELS_FILE, { maxBytes: MAX_FILE_BYTES });
  if (found === undefined) return new Map();
  const { labels } = found.fields;
  if (!found.isSealed || !isRecord(labels)) {
    throw corruptFile(LABELS_FILE, { found: "no labels with a crc32", expected: "those of runs" });
  }
  return new Map(Object.entries(labels).map(([runId, label]) => [runId, String(label)]));
}

/**
 * Gives a run a label, or takes it away. The caller holds the storage's lock.
 *
 * @param label `undefined` for none.
 * @throws {CarryoverError} `BAD_USAGE` for a label that could mean something else; `CONFLICT` if another run has it; `CORRUPT`.
 */
export async function setLabel(storage: Storage, runId: string, label: string | undefined): Promise<void> {
  // A run that was removed by hand leaves its label.
  const { folders: runs } = await storage.list(RUNS_FOLDER);
  const labels = new Map([...(await readLabels(storage))].filter(([id]) => runs.includes(id)));
  if (label === undefined) {
    if (!labels.delete(runId)) return;
  } else {
    assertLabel(label);
    const [other] = [...labels].find(([id, each]) => each === label && id !== runId) ?? [];
    if (other !== undefined) {
      throw fail("CONFLICT", `Cannot label a run ${JSON.stringify(label)}`, {
        found: `run ${other.slice(0, 12)} with this label`,
        expected: "one that is free: label the other run first, or with an empty text to take its label away",
      });
    }
    labels.set(runId, label);
  }
  await writeLabels(storage, labels);
}

/** Writes all labels, by run id. Equal labels give equal bytes. */
export async function writeLabels(storage: Storage, labels: ReadonlyMap<string, string>): Promise<void> {
  const sorted = [...labels].toSorted(([a], [b]) => (a < b ? -1 : 1));
  await storage.replace(LABELS_FILE, encodeSealedJson({ version: 1, labels: Object.fromEntries(sorted) }));
}

/** A slash separates a folder from the name of a run, and `latest` is taken. */
function assertLabel(label: string): void {
  const isOne = label.length <= MAX_LABEL_LENGTH && label.trim() === label && !/[/\p{Cc}]/u.test(label);
  if (isOne && label !== "" && label !== LATEST) return;
  throw fail("BAD_USAGE", `Cannot label a run ${JSON.stringify(label.slice(0, 2 * MAX_LABEL_LENGTH))}`, {
    found: label === LATEST ? "the name of the newest run" : "a text that cannot name it",
    expected: `1 to ${MAX_LABEL_LENGTH} characters without "/", line breaks, and spaces around them`,
  });
}
