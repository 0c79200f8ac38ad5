#!/usr/bin/env bun
/**
 * Fetches the sentence model for `memory.embedder: onnx`.
 *
 *   bun scripts/fetch-model.ts [--from DIR | --base-url URL] [--model-dir DIR]
 */
import { resolve } from "node:path";
import { CarryoverError } from "../lib/errors.ts";
import { fetchModel, MODEL_URL } from "../lib/embed/download.node.ts";
import { runScript, writeJson, writeOut } from "./cli/main.ts";
import { locateMemory } from "./cli/config-flags.ts";
import { parseFlags, SHARED_FLAGS } from "./cli/args.ts";
import { bytes, progressLine, shownPath, table } from "./text/table.ts";

const COMMAND = {
  summary: `Fetches the sentence model all-MiniLM-L6-v2 (23 MB), which memory.embedder: onnx in the configuration asks for. Each
file is checked against its known SHA-256. Files that are there already are kept.`,
  usage: "bun scripts/fetch-model.ts [--from DIR | --base-url URL] [--model-dir DIR] [flags]",
  flags: {
    from: { type: "string", value: "DIR", help: "copy the files from a folder, for a machine without a network" },
    "base-url": {
      type: "string",
      value: "URL",
      help: "download from a mirror, a folder laid out as on huggingface.co",
    },
    "model-dir": {
      type: "string",
      value: "DIR",
      help: "where to put them (default: memory.model_dir of the configuration)",
    },
    config: SHARED_FLAGS.config,
    json: SHARED_FLAGS.json,
  },
  example: `bun scripts/fetch-model.ts
    bun scripts/fetch-model.ts --from /media/usb/all-MiniLM-L6-v2`,
} as const;

const HOW = { there: "was there", downloaded: "downloaded", copied: "copied" } as const;

await runScript(async ({ argv, signal }) => {
  const { flags } = parseFlags(argv, COMMAND);
  const { from, "base-url": baseUrl, "model-dir": folder } = flags;
  if (from !== undefined && baseUrl !== undefined) {
    throw new CarryoverError("BAD_USAGE", "Cannot use --from: found --base-url beside it, expected one or the other");
  }
  const modelDir =
    folder === undefined ? (await locateMemory({ configFlag: flags.config })).model_dir : resolve(folder);
  const progress = progressLine();
  const fetched = await fetchModel({
    modelDir,
    from: from === undefined ? undefined : resolve(from),
    baseUrl,
    signal,
    onProgress: (file, done) =>
      progress.update(
        () => `${file.name}  ${bytes(done)} of ${bytes(file.bytes)}  ${Math.floor((100 * done) / file.bytes)}%`,
      ),
  }).finally(progress.clear);
  if (flags.json) {
    const files = fetched.map(({ file, how }) => ({ name: file.name, bytes: file.bytes, sha256: file.sha256, how }));
    await writeJson({
      model_dir: modelDir,
      source: from === undefined ? (baseUrl ?? MODEL_URL) : resolve(from),
      files,
    });
  } else {
    const rows = fetched.map(({ file, how }) => [file.name, bytes(file.bytes), HOW[how]]);
    const columns = [{ title: "File", align: "left" }, { title: "Size" }, { title: "Fetched", align: "left" }] as const;
    await writeOut(`${table(columns, rows)}\nThe sentence model is in ${shownPath(modelDir)}\n`);
  }
});
