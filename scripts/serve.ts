#!/usr/bin/env bun
/** Lets other programs use memory: over stdin and stdout, HTTP, or the Model Context Protocol. */
import type { McpKit } from "../lib/serve/mcp.node.ts";
import { newToken, openServer, type OpenServer } from "../lib/serve/open.node.ts";
import { shownPath } from "../lib/util/command-line.node.ts";
import { parseFlags, refuseTogether, SHARED_FLAGS, usageError } from "./cli/args.ts";
import { loadConfig, locateMemory } from "./cli/config-flags.ts";
import { note, runScript, writeAnswer, writeOut, writeRaw } from "./cli/main.ts";
import { shareProgress } from "./cli/progress.ts";

const DEFAULT_ADDRESS = "127.0.0.1:8787";

/** Too many for a page or a program that tries tokens: nothing else keeps it out. */
const MIN_TOKEN_CHARACTERS = 16;

const COMMAND = {
  summary:
    "Lets other programs use memory: they ask what their providers' votes are worth, and report their trades. " +
    "The memory folder is locked until it ends. docs/SERVE.md lists the methods.",
  usage: ["bun scripts/serve.ts --stdio | --http [HOST:PORT] | --mcp [flags]"],
  flags: {
    stdio: { type: "boolean", help: "JSON-RPC 2.0, a message a line, until stdin ends" },
    http: { type: "boolean", help: `JSON-RPC 2.0 by POST /rpc (default: ${DEFAULT_ADDRESS})` },
    mcp: { type: "boolean", help: "Model Context Protocol over stdin and stdout, for agents" },
    config: SHARED_FLAGS.config,
    set: SHARED_FLAGS.set,
    "memory-dir": SHARED_FLAGS["memory-dir"],
  },
  maxPositionals: 1,
  examples: [
    "bun scripts/serve.ts --stdio --memory-dir data/memory",
    "CARRYOVER_TOKEN=$TOKEN bun scripts/serve.ts --http 127.0.0.1:8787",
  ],
} as const;

await runScript(async ({ argv, signal }) => {
  const { flags, positionals } = parseFlags(argv, COMMAND);
  refuseTogether(flags, ["stdio", "http", "mcp"]);
  if (!flags.stdio && !flags.http && !flags.mcp) throw usageError("--stdio, --http or --mcp is needed");
  const [address] = positionals;
  if (address !== undefined && !flags.http) throw usageError(`unexpected argument ${JSON.stringify(address)}`);
  const place = flags.http ? parseAddress(address ?? DEFAULT_ADDRESS) : undefined;
  const kit = flags.mcp ? await (await import("../lib/serve/mcp.node.ts")).loadMcp() : undefined;
  const { config, notes } = await loadConfig(flags);
  notes.forEach(note);
  const progress = shareProgress();
  const memory = await locateMemory(flags);
  const onEmbedded = (made: number, wanted: number): void => progress.update("Vectors", made, wanted);
  const server = await openServer({ config, memory, onNote: note, onEmbedded, signal }).finally(progress.clear);
  try {
    if (place !== undefined) await serveHttp(server, { ...place, memoryDir: memory.dir, signal });
    else if (kit !== undefined) await serveMcp(server, kit, signal);
    else await serveStdio(server, signal);
  } finally {
    await server.close();
  }
});

/** @throws {CarryoverError} `BAD_USAGE` */
function parseAddress(address: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(address) ?? [];
  const host = bracketed ?? plain;
  if (host !== undefined && Number(port) <= 65_535) return { host, port: Number(port) };
  throw usageError(`--http must be followed by HOST:PORT such as ${DEFAULT_ADDRESS}, found ${JSON.stringify(address)}`);
}

function onBug(error: unknown): void {
  note(error instanceof Error ? (error.stack ?? String(error)) : String(error));
}

async function serveStdio({ calls }: OpenServer, signal: AbortSignal): Promise<void> {
  const stdio = await import("../lib/serve/stdio.node.ts");
  const { stdin } = process;
  const call = (method: string, params: unknown): Promise<unknown> => calls.call(method, params);
  await stdio.serveStdio({ call, onBug, input: stdin, signal, write: writeAnswer });
  // It may be open still, and would keep the process.
  stdin.destroy();
}

async function serveHttp(
  { calls, health }: OpenServer,
  { host, port, memoryDir, signal }: { host: string; port: number; memoryDir: string; signal: AbortSignal },
): Promise<void> {
  const http = await import("../lib/serve/http.node.ts");
  const given = process.env["CARRYOVER_TOKEN"];
  if (given === "") throw usageError("CARRYOVER_TOKEN is empty: set it to a secret, or unset it");
  if (given !== undefined && !/^[!-~]+$/.test(given)) {
    throw usageError(
      "CARRYOVER_TOKEN has characters that a header cannot have: use letters, digits and signs, without blanks",
    );
  }
  if (given !== undefined && given.length < MIN_TOKEN_CHARACTERS) {
    throw usageError(
      `CARRYOVER_TOKEN has ${given.length} characters, expected ${MIN_TOKEN_CHARACTERS} or more: openssl rand -hex 32 makes one`,
    );
  }
  const token = given ?? newToken();
  const server = await http.serveHttp({
    host,
    port,
    token,
    call: (method, params) => calls.call(method, params),
    problem: () => health.problem(),
    onBug,
  });
  await writeOut(`Listening on ${server.url} for memory in ${shownPath(memoryDir)}\n`);
  if (given === undefined) await writeRaw(`Token: ${token}\n`);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await server.close();
}

async function serveMcp({ calls }: OpenServer, kit: McpKit, signal: AbortSignal): Promise<void> {
  const mcp = await import("../lib/serve/mcp.node.ts");
  await mcp.serveMcp(kit, { call: (method, params) => calls.call(method, params), onBug, signal });
}
