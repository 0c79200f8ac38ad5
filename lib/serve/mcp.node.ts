/** The methods as tools of the Model Context Protocol, over stdin and stdout. */
import { once } from "node:events";
import type { McpServer, StandardSchemaWithJSON } from "@modelcontextprotocol/server";
import type { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";
import { isRecord } from "../util/json.ts";
import { loadOptional } from "../util/optional-packages.ts";
import { VERSION } from "../version.ts";
import { type RpcHandler, rpcErrorOf } from "./json-rpc.ts";
import { METHODS } from "./methods.ts";
import { paramSchemas } from "./param-schemas.ts";

/** What the protocol needs of its package. */
export interface McpKit {
  readonly McpServer: typeof McpServer;
  readonly serveStdio: typeof serveStdio;
}

const INSTRUCTIONS =
  "Carryover remembers trades and what its providers' votes were worth. To look back, call recall_trades, provider_weights or " +
  "memory_stats. To trade with it: open_session, then decide with a vote of each provider, then record_outcome once the trade " +
  "has closed. Every read takes as_of, and sees only trades that closed before it.";

async function importKit(): Promise<McpKit> {
  const server = await import("@modelcontextprotocol/server");
  const stdio = await import("@modelcontextprotocol/server/stdio");
  return { McpServer: server.McpServer, serveStdio: stdio.serveStdio };
}

/** @throws {CarryoverError} `NOT_FOUND`, with the command that adds the package. */
export function loadMcp(): Promise<McpKit> {
  return loadOptional(importKit, { tried: "Cannot serve --mcp", packages: ["@modelcontextprotocol/server"] });
}

/** Serves until stdin ends or `signal` is aborted. Clients of older revisions of the protocol are answered, too. */
export async function serveMcp(kit: McpKit, options: RpcHandler & { readonly signal: AbortSignal }): Promise<void> {
  const { stdin } = process;
  const ended = Promise.race([once(stdin, "end"), once(stdin, "close"), aborted(options.signal)]);
  const handle = kit.serveStdio(() => serverOf(kit, options), { onerror: options.onBug });
  await ended;
  await handle.close();
  stdin.destroy();
}

function serverOf(kit: McpKit, handler: RpcHandler): McpServer {
  const server = new kit.McpServer({ name: "carryover", version: VERSION }, { instructions: INSTRUCTIONS });
  const schemas = paramSchemas(z);
  for (const { name, description, isReadOnly, isDestructive } of METHODS) {
    const annotations = {
      readOnlyHint: isReadOnly,
      destructiveHint: isDestructive,
      // The same call again changes nothing more, but for another session.
      idempotentHint: name !== "open_session",
      openWorldHint: false,
    };
    const config = { description, annotations, inputSchema: asSent(z.toJSONSchema(schemas[name], { io: "input" })) };
    server.registerTool(name, config, async (params: unknown) => call(name, params, handler));
  }
  return server;
}

/** Called with parameters as they were sent: the method checks them, and its message names the field. */
function asSent(jsonSchema: Record<string, unknown>): StandardSchemaWithJSON {
  const converter = (): Record<string, unknown> => jsonSchema;
  return {
    "~standard": {
      version: 1,
      vendor: "carryover",
      validate: (value: unknown) => ({ value }),
      jsonSchema: { input: converter, output: converter },
    },
  };
}

/** An error is a result that a model can read and act on. */
async function call(
  name: string,
  params: unknown,
  handler: RpcHandler,
): Promise<{
  content: { type: "text"; text: string }[];
  structuredContent?: Record<string, unknown>;
  isError?: boolean;
}> {
  const text = (value: unknown): { type: "text"; text: string }[] => [{ type: "text", text: JSON.stringify(value) }];
  try {
    const result = await handler.call(name, isRecord(params) ? params : {});
    return isRecord(result) ? { content: text(result), structuredContent: result } : { content: text(result) };
  } catch (error) {
    const { message, data } = rpcErrorOf(error, handler);
    return { content: [{ type: "text", text: message }, ...(data === undefined ? [] : text(data))], isError: true };
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
