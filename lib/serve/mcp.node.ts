/** The methods as tools of the Model Context Protocol, over stdin and stdout. */
import type { McpServer, StandardSchemaWithJSON } from "@modelcontextprotocol/server";
import type { serveStdio, StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";
import { fail } from "../errors.ts";
import { isRecord } from "../util/json.ts";
import { loadOptional } from "../util/optional-packages.ts";
import { VERSION } from "../version.ts";
import { MAX_MESSAGE_BYTES, type RpcHandler, rpcErrorOf } from "./json-rpc.ts";
import { METHODS } from "./methods.ts";
import { refuseParam } from "./param-error.ts";
import { paramSchemas } from "./param-schemas.ts";

/** What the protocol needs of its package. */
export interface McpKit {
  readonly McpServer: typeof McpServer;
  readonly serveStdio: typeof serveStdio;
  readonly StdioServerTransport: typeof StdioServerTransport;
}

const INSTRUCTIONS =
  "Carryover remembers trades and what its providers' votes were worth. To look back, call recall_trades, provider_weights or " +
  "memory_stats. To trade with it: open_session, then decide with a vote of each provider, then record_outcome once the trade " +
  "has closed. Every read takes as_of, and sees only trades that closed before it.";

async function importKit(): Promise<McpKit> {
  const server = await import("@modelcontextprotocol/server");
  const stdio = await import("@modelcontextprotocol/server/stdio");
  return {
    McpServer: server.McpServer,
    serveStdio: stdio.serveStdio,
    StdioServerTransport: stdio.StdioServerTransport,
  };
}

/** @throws {CarryoverError} `NOT_FOUND`, with the command that adds the package. */
export function loadMcp(): Promise<McpKit> {
  return loadOptional(importKit, { tried: "Cannot serve --mcp", packages: ["@modelcontextprotocol/server"] });
}

/**
 * Serves until stdin ends, nobody reads stdout, or `signal` is aborted. Clients of older revisions of the protocol are answered, too.
 *
 * @throws {CarryoverError} `BAD_DATA` for a message of more than 10 MiB, after which the transport reads no other.
 */
export async function serveMcp(kit: McpKit, options: RpcHandler & { readonly signal: AbortSignal }): Promise<void> {
  const { stdin } = process;
  let tooLong: Error | undefined;
  const onerror = (error: Error): void => {
    if (error.message.includes("exceeded maximum size")) tooLong = error;
    else if (error.name === "ZodError") options.onBug("Left out a message that is none of the protocol");
    // A client that reads no more has gone.
    else if (!("code" in error && error.code === "EPIPE")) options.onBug(error);
  };
  const transport = new kit.StdioServerTransport();
  const closed = closeOf(transport);
  const handle = kit.serveStdio(() => serverOf(kit, options), { transport, onerror });
  await Promise.race([closed, aborted(options.signal)]);
  await handle.close();
  stdin.destroy();
  if (tooLong === undefined) return;
  throw fail("BAD_DATA", "Cannot read the message", {
    found: tooLong.message,
    expected: "a smaller message",
    cause: tooLong,
  });
}

/** Settles when a transport closes, which it tells only the one that it serves. */
function closeOf(transport: StdioServerTransport): Promise<void> {
  return new Promise((resolve) => {
    const close = transport.close.bind(transport);
    transport.close = () => {
      resolve();
      return close();
    };
  });
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
    if (JSON.stringify(params ?? null).length > MAX_MESSAGE_BYTES) {
      const expected = `at most ${MAX_MESSAGE_BYTES}`;
      throw refuseParam(name, "params", { found: `more than ${MAX_MESSAGE_BYTES} bytes`, expected });
    }
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
