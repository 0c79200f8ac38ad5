/** The files that the cells of a sweep read, on the machine that submits it and on those that work on it. */
import { existsSync, readdirSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { assetFileName } from "../../config/asset-name.ts";
import { type Config, SYNTHETIC } from "../../config/config.ts";
import { MODEL_FILES } from "../../embed/load.node.ts";
import { corruptFile, fail } from "../../errors.ts";
import { isBarsFileOf } from "../../market/bars-file-name.ts";
import { diskStorage } from "../../storage/disk.node.ts";
import { readRegular } from "../../storage/fs.node.ts";
import { sha256OfBytes } from "../../util/sha256.ts";
import { msOfTimeframe } from "../../util/time.ts";
import { allCells, type SweepPlan } from "../plan.ts";
import { configOfCell } from "../run-cell.node.ts";
import type { InputFile } from "./definition.ts";
import { SHARED } from "./names.ts";
import type { SweepServer } from "./server.node.ts";

/** Size limit of one file. */
const MAX_FILE_BYTES = 1 << 30;

/**
 * The paths of all files that the cells read, absolute, in order.
 *
 * @throws {CarryoverError} `BAD_CONFIG` for a provider's path that other machines cannot have.
 */
export async function inputFilesOf(plan: SweepPlan): Promise<readonly string[]> {
  const paths = new Set<string>();
  const baseDir = dirname(plan.base.file);
  for (const cell of allCells(plan)) {
    const config = await configOfCell(plan, cell);
    for (const path of filesOfConfig(config, baseDir)) paths.add(path);
  }
  return [...paths].toSorted();
}

function filesOfConfig({ backtest, memory, providers }: Config, baseDir: string): string[] {
  const { assets, data_dir: dataDir, features_dir: featuresDir, timeframe } = backtest;
  const timeframeMs = msOfTimeframe(timeframe);
  const names = dataDir === SYNTHETIC || !existsSync(dataDir) ? [] : readdirSync(dataDir);
  const bars = names.filter((name) => assets.some((asset) => isBarsFileOf(name, { asset, timeframeMs })));
  const features = assets.map((asset) => join(featuresDir, `${assetFileName(asset)}.csv`)).filter(existsSync);
  const model = memory.embedder === "onnx" ? MODEL_FILES.map(({ name }) => join(memory.model_dir, name)) : [];
  const ofProviders = providers.flatMap((provider) => {
    const path = "path" in provider ? provider.path : "prompt_file" in provider ? provider.prompt_file : undefined;
    if (path === undefined) return [];
    if (!isAbsolute(path)) return [resolve(baseDir, path)];
    const expected = "a path relative to the configuration: other machines have their files elsewhere";
    throw fail("BAD_CONFIG", `Cannot submit the provider "${provider.name}"`, { found: `"${path}"`, expected });
  });
  return [...bars.map((name) => join(dataDir, name)), ...features, ...model, ...ofProviders];
}

/** Uploads files whose content the server does not have. */
export async function uploadFiles(
  paths: readonly string[],
  { server, onUpload }: { server: SweepServer; onUpload: (bytes: number) => void },
): Promise<readonly InputFile[]> {
  const files: InputFile[] = [];
  for (const path of paths) {
    const bytes = readRegular(path, { maxBytes: MAX_FILE_BYTES });
    const sha256 = await sha256OfBytes(bytes);
    files.push({ path, sha256 });
    if (await server.has(SHARED.files, sha256)) continue;
    await server.createOnce(SHARED.files, sha256, bytes);
    onUpload(bytes.length);
  }
  return files;
}

/** Writes the files of a sweep below a folder, under the paths of the machine that submitted them. */
export async function placeFiles(
  files: readonly InputFile[],
  { server, root }: { server: SweepServer; root: string },
): Promise<void> {
  for (const { path, sha256 } of files) {
    const target = join(root, path);
    if (existsSync(target) && (await sha256OfBytes(readRegular(target, { maxBytes: MAX_FILE_BYTES }))) === sha256)
      continue;
    const bytes = await server.read(SHARED.files, sha256, { maxBytes: MAX_FILE_BYTES });
    if (bytes === undefined || (await sha256OfBytes(new Uint8Array(bytes))) !== sha256) {
      const found = bytes === undefined ? "no such file on the server" : "other content";
      throw corruptFile(path, { found, expected: `SHA-256 ${sha256.slice(0, 12)}: submit the sweep again` });
    }
    await diskStorage(dirname(target)).replace(target.slice(dirname(target).length + 1), bytes);
  }
}
