/**
 * Whether this machine can run a configuration. Packages are loaded only where `checkInstallation()` has found them, so that
 * it can name those that are missing.
 */
import fs from "node:fs";
import { dirname, extname, join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { type Config, isRecorded, SYNTHETIC } from "../config/config.ts";
import { fetchCommand, loadEmbedder } from "../embed/load.node.ts";
import { CarryoverError } from "../errors.ts";
import {
  attempt,
  CREATE_ONLY,
  discard,
  existingFolder,
  systemCodeOf,
  temporaryName,
  withFile,
  writeAll,
} from "../storage/fs.node.ts";
import { projectCommand } from "../util/command-line.node.ts";
import { isoDate } from "../util/time.ts";
import { VERSION } from "../version.ts";
import { checkProviderFiles } from "./provider-files.node.ts";
import { checkMemoryFolder, type MemoryHealthOptions, OTHER_FOLDER, permissionCure } from "./memory-health.node.ts";
import { checkOrFailure, failureOf, type HealthCheck, ok } from "./health.ts";

/** What is checked, besides the installation. */
export interface HealthOptions extends MemoryHealthOptions {
  readonly config: Config;
  /** The folder that the paths of providers start from. */
  readonly baseDir: string;
  /** Looks at the backups, if the user has named a place of them. */
  readonly checkBackups?: (() => Promise<HealthCheck>) | undefined;
}

const PROJECT_DIR = join(import.meta.dirname, "../..");

/** The first versions that run the scripts; any Deno does. A clone is TypeScript, which Node 20 cannot run. */
const MIN_VERSIONS = {
  bun: manifest.engines.bun.replace(">=", ""),
  node: extname(import.meta.filename) === ".js" ? "20.16.0" : "22.18.0",
} as const;

/** What needs packages that a plain install of the published package lacks; a clone may lack the first three. */
const OPTIONAL_PACKAGES = [
  { name: "ccxt", use: "fetch-bars", packages: ["ccxt"] },
  {
    name: "NATS",
    use: "a sweep on NATS",
    packages: ["@nats-io/transport-node", "@nats-io/jetstream", "@nats-io/kv", "@nats-io/obj"],
  },
  { name: "MCP", use: "serve --mcp", packages: ["@modelcontextprotocol/server"] },
  { name: "reports", use: "report", packages: ["@observablehq/plot", "linkedom", "uplot"] },
  { name: "Parquet", use: "export --format parquet", packages: ["hyparquet-writer"] },
  { name: "embedder", use: "embedder: onnx", packages: ["@huggingface/tokenizers", "onnxruntime-web"] },
  {
    name: "models",
    use: "a language model",
    packages: ["ai", "@ai-sdk/openai-compatible", "@ai-sdk/openai", "@ai-sdk/anthropic", "@ai-sdk/google"],
  },
] as const;

const SYNCS = 20;
const SYNCED_BYTES = 4096;
const SLOW_SYNC_MS = 100;
/** `f_type` of Linux's file systems in memory: tmpfs and ramfs (statfs(2)). */
const IN_MEMORY = [0x0102_1994, 0x8584_58f6];

const FREE_SPACE = "free some space, or move memory to another disk and name it: --memory-dir DIR";

const MIN_FREE_BYTES = 50e6;
const LOW_FREE_BYTES = 1e9;

/** The time stamps of some file systems are two seconds apart. */
const MAX_CLOCK_DIFFERENCE_MS = 5000;

/** Checks the engine and the packages of `package.json`. */
export function checkInstallation(): readonly HealthCheck[] {
  const optional = OPTIONAL_PACKAGES.filter(({ packages }) => packages[0] in manifest.peerDependencies);
  return [checkEngine(process.versions), checkPackages(), ...checkSqlite(), ...optional.flatMap(checkOptional)];
}

/** An engine without SQLite needs a package for the lock of a memory folder. */
function checkSqlite(): readonly HealthCheck[] {
  const name = "lock";
  if (process.getBuiltinModule("node:sqlite") !== undefined) return [];
  if (installedVersion("libsql") !== undefined) return [ok(name, "libsql, since this Node has no SQLite")];
  const found = "no SQLite in this Node, which writing to a memory folder needs";
  return [{ name, state: "missing", found, folder: null, cure: projectCommand("bun add libsql") }];
}

/** Checks what a configuration names, and the disk, the space and the clock of its memory. */
export async function checkHealth(options: HealthOptions): Promise<readonly HealthCheck[]> {
  const { config, memoryDir, checkBackups } = options;
  const memory = await checkMemoryFolder(options);
  // Nothing is written into a folder of somebody else's.
  const folder = existingFolder(memory.cure === OTHER_FOLDER ? dirname(memoryDir) : memoryDir);
  return [
    await checkModel(config),
    await checkBars(config),
    await checkProviders(options),
    await checkProviderFiles(options),
    memory,
    ...(checkBackups === undefined ? [] : [await checkBackups()]),
    checkDisk(folder, memoryDir),
    checkSpace(folder),
    checkClock(options),
  ];
}

/** @param versions As in `process.versions`, where Bun and Deno also have the version of Node that they stand for. */
export function checkEngine(versions: {
  readonly bun?: string;
  readonly deno?: string;
  readonly node: string;
}): HealthCheck {
  const name = "engine";
  if (versions.deno !== undefined) return ok(name, `Carryover ${VERSION} on Deno ${versions.deno}`);
  const engine = versions.bun === undefined ? "node" : "bun";
  const version = versions[engine] ?? "";
  const found = `Carryover ${VERSION} on ${engine === "bun" ? "Bun" : "Node"} ${version}`;
  if (!isOlder(version, MIN_VERSIONS[engine])) return ok(name, found);
  const cure = engine === "bun" ? "bun upgrade" : "npm install --global bun";
  return { name, state: "missing", found: `${found}, expected ${MIN_VERSIONS[engine]} or newer`, folder: null, cure };
}

function isOlder(version: string, than: string): boolean {
  return version.localeCompare(than, "en", { numeric: true }) < 0;
}

function checkPackages(): HealthCheck {
  const name = "packages";
  const cure = projectCommand("bun install");
  const wanted = Object.entries(manifest.dependencies);
  const installed = wanted.map(([each, version]) => ({ each, version, found: installedVersion(each) }));
  const missing = installed.filter(({ found }) => found === undefined).map(({ each }) => each);
  if (missing.length > 0)
    return { name, state: "missing", found: `not installed: ${missing.join(", ")}`, folder: null, cure };
  const others = installed.filter(({ version, found }) => found !== version);
  if (others.length === 0) return ok(name, `all ${wanted.length} installed`);
  const list = others.map(({ each, version, found }) => `${each} ${found} in place of ${version}`);
  return { name, state: "note", found: list.join(", "), folder: null, cure };
}

function checkOptional({ name, use, packages }: (typeof OPTIONAL_PACKAGES)[number]): readonly HealthCheck[] {
  const missing = packages.filter((each) => installedVersion(each) === undefined);
  if (missing.length === 0) return [];
  const found = `not installed; only ${use} needs ${missing.length === 1 ? "it" : "them"}`;
  return [{ name, state: "note", found, folder: null, cure: projectCommand(`bun add ${missing.join(" ")}`) }];
}

/** The version of a package, in the folder where the engine finds it. */
function installedVersion(name: string): string | undefined {
  for (let folder = PROJECT_DIR; ; folder = dirname(folder)) {
    const file = join(folder, "node_modules", name, "package.json");
    if (fs.existsSync(file)) return (JSON.parse(fs.readFileSync(file, "utf8")) as { version: string }).version;
    if (dirname(folder) === folder) return undefined;
  }
}

async function checkModel({ memory }: Config): Promise<HealthCheck> {
  const name = "model";
  if (memory.embedder === "hashing") return ok(name, "hashing, which needs no files");
  return checkOrFailure(name, fetchCommand(memory.model_dir), async () => {
    await loadEmbedder(memory);
    return ok(name, memory.embedder, memory.model_dir);
  });
}

async function checkBars({ backtest }: Config): Promise<HealthCheck> {
  const name = "bars";
  const { assets, data_dir: dataDir, timeframe, start, end } = backtest;
  if (dataDir === SYNTHETIC) return ok(name, "made up, because data_dir is synthetic");
  return checkOrFailure(name, undefined, async () => {
    const { loadBars } = await import("../market/load.node.ts");
    const { choosePeriod, lastFullYear, sharedSpan } = await import("../job/period.ts");
    const { isoMinute } = await import("../market/coverage.ts");
    const series = await loadBars({ assets, dataDir, timeframe });
    const of = assets.length === 1 ? assets[0]! : `${assets.length} assets`;
    const span = sharedSpan(series);
    if (start === undefined && span !== undefined && lastFullYear(series) === undefined) {
      const days = `${isoDate(span.firstMs)} to ${isoDate(span.endMs)}`;
      const found = `${timeframe} bars of ${of} from ${days}, without a full calendar year to run by default`;
      const cure = "give each run --start and --end, or set backtest.start and backtest.end";
      return { name, state: "note", found, folder: dataDir, cure };
    }
    const { period, notes } = choosePeriod(series, { start, end });
    if (notes.length > 0) {
      const cure =
        "fetch-bars or import-bars adds missing bars; --require-bars lets a run refuse to go on without them";
      return { name, state: "note", found: notes.join("; "), folder: dataDir, cure };
    }
    const days = `${isoDate(period.startMs)} to ${isoDate(period.endMs)}`;
    const last = isoMinute(Math.min(...series.map(({ bars }) => bars.at(-1)!.timestamp)));
    return ok(name, `${timeframe} bars of ${of}, a run of ${days}, the last bar ${last}`, dataDir);
  });
}

/** Looks for keys and programs. Nothing is started or sent. */
async function checkProviders({ config, baseDir }: HealthOptions): Promise<HealthCheck> {
  const name = "providers";
  const recorded = config.providers.filter(isRecorded);
  if (recorded.length === 0) return ok(name, "none that needs a key or a program");
  const { missingFor } = await import("../providers/recorded/environment.node.ts");
  const missing = recorded.flatMap((provider) => missingFor(provider, { baseDir }));
  if (missing.length === 0) return ok(name, `the keys and programs of ${recorded.map((each) => each.name).join(", ")}`);
  // The cure says what is expected.
  const problems = new Set(missing.map(({ message }) => message.split(", expected ")[0]!));
  const cure = "set the variable or install the program; with --offline a run needs neither";
  return { name, state: "missing", found: [...problems].join("; "), folder: null, cure };
}

/** Measures how long the disk takes to make a small write durable. */
function checkDisk(folder: string, memoryDir: string): HealthCheck {
  const name = "disk";
  try {
    const ms = medianSyncMs(folder);
    const measured = { sync_ms: ms };
    const found = `a sync takes ${ms.toFixed(ms < 1 ? 3 : 1)} ms, median of ${SYNCS}`;
    const cure = "move memory to another disk and name it: --memory-dir DIR";
    if (IN_MEMORY.includes(fs.statfsSync(folder).type)) {
      const volatile = "kept in RAM, lost when the machine restarts";
      return { name, state: "note", found: volatile, folder, cure, ...measured };
    }
    const check = ms > SLOW_SYNC_MS ? { name, state: "note" as const, found, folder, cure } : ok(name, found, folder);
    return { ...check, ...measured };
  } catch (error) {
    const isFull = error instanceof CarryoverError && ["ENOSPC", "EDQUOT"].includes(systemCodeOf(error.cause));
    const cure = isFull ? FREE_SPACE : "let this user write there; a new memory may be elsewhere: --memory-dir DIR";
    return failureOf(name, error, (folder === memoryDir ? permissionCure(folder, error) : undefined) ?? cure);
  }
}

function medianSyncMs(folder: string): number {
  const path = join(folder, temporaryName());
  const times = attempt("write to", folder, () => {
    try {
      return withFile(path, CREATE_ONLY, (fd) =>
        Array.from({ length: SYNCS }, (_, i) => {
          const startMs = performance.now();
          writeAll(fd, new Uint8Array(SYNCED_BYTES).fill(1), i * SYNCED_BYTES);
          fs.fsyncSync(fd);
          return performance.now() - startMs;
        }),
      );
    } finally {
      discard(path);
    }
  });
  return times.toSorted((a, b) => a - b)[SYNCS / 2]!;
}

function checkSpace(folder: string): HealthCheck {
  const { bavail, bsize } = fs.statfsSync(folder);
  return spaceOf(bavail * bsize);
}

/** @param freeBytes What a user without special rights may still write. */
export function spaceOf(freeBytes: number): HealthCheck {
  const name = "space";
  const amount =
    freeBytes < LOW_FREE_BYTES ? `${(freeBytes / 1e6).toFixed(1)} MB` : `${(freeBytes / 1e9).toFixed(2)} GB`;
  const found = `${amount} free`;
  const state = freeBytes < MIN_FREE_BYTES ? "missing" : freeBytes < LOW_FREE_BYTES ? "note" : "ok";
  return { name, state, found, folder: null, cure: state === "ok" ? null : FREE_SPACE, free_bytes: freeBytes };
}

/** No decision reads the clock, but the names of backups and the last bar that is fetched depend on it. */
function checkClock({ nowMs }: HealthOptions): HealthCheck {
  const name = "clock";
  const now = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
  const { mtimeMs } = fs.statSync(join(PROJECT_DIR, "package.json"));
  if (nowMs + MAX_CLOCK_DIFFERENCE_MS >= mtimeMs) return ok(name, now);
  const found = `${now}, earlier than Carryover was installed (${isoDate(mtimeMs)})`;
  return { name, state: "note", found, folder: null, cure: "timedatectl set-ntp true" };
}
