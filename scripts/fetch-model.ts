#!/usr/bin/env bun
/** Fetches the sentence model for `memory.embedder: onnx`. */
import { resolve } from "node:path";
import { fetchModel, MODEL_URL } from "../lib/embed/download.node.ts";
import { shownPath } from "../lib/util/command-line.node.ts";
import { parseFlags, refuseTogether, SHARED_FLAGS } from "./cli/args.ts";
import { locateMemory } from "./cli/config-flags.ts";
import { runScript, writeJson, writeOut } from "./cli/main.ts";
import { openProgress } from "./cli/progress.ts";
import { bytes } from "./text/numbers.ts";
import { columns, table, words } from "./text/table.ts";

const COMMAND = {
  summary:
    "Downloads the sentence model all-MiniLM-L6-v2 (23 MB) for memory.embedder: onnx. Each file must have its known " +
    "SHA-256. Files that are there already are kept.",
  usage: ["bun scripts/fetch-model.ts [--from DIR | --base-url URL] [--model-dir DIR]"],
  flags: {
    from: { type: "string", value: "DIR", help: "copy the files from a folder; needs no network" },
    "base-url": { type: "string", value: "URL", help: "download from a mirror laid out like huggingface.co" },
    "model-dir": {
      type: "string",
      value: "DIR",
      help: "target folder (default: memory.model_dir of the configuration)",
    },
    config: SHARED_FLAGS.config,
    set: SHARED_FLAGS.set,
    json: SHARED_FLAGS.json,
  },
  examples: ["bun scripts/fetch-model.ts", "bun scripts/fetch-model.ts --from /media/usb/all-MiniLM-L6-v2"],
} as const;

const HOW = { there: "already there", downloaded: "downloaded", copied: "copied" } as const;

await runScript(async ({ argv, signal }) => {
  const { flags } = parseFlags(argv, COMMAND);
  refuseTogether(flags, ["from", "base-url"]);
  const { "base-url": baseUrl, "model-dir": folder } = flags;
  const from = flags.from === undefined ? undefined : resolve(flags.from);
  const modelDir =
    folder === undefined ? (await locateMemory({ ...flags, "memory-dir": undefined })).model_dir : resolve(folder);
  const progress = openProgress();
  const fetched = await fetchModel({
    modelDir,
    from,
    baseUrl,
    signal,
    onProgress: (file, done) =>
      progress.update(
        () => `${file.name}  ${bytes(done)} of ${bytes(file.bytes)}  ${Math.floor((100 * done) / file.bytes)}%`,
      ),
  }).finally(progress.clear);
  if (flags.json) {
    const files = fetched.map(({ file, how }) => ({ name: file.name, bytes: file.bytes, sha256: file.sha256, how }));
    await writeJson({ model_dir: modelDir, source: from ?? baseUrl ?? MODEL_URL, files });
  } else {
    const rows = fetched.map(({ file, how }) => [file.name, bytes(file.bytes), HOW[how]]);
    const text = table([words("File"), ...columns("Size"), words("Fetched")], rows);
    await writeOut(`${text}\nThe sentence model is in ${shownPath(modelDir)}\n`);
  }
});
