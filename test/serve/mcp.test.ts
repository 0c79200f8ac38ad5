import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { METHODS } from "../../lib/serve/methods.ts";
import { PROJECT_DIR } from "../samples.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { tradeOf } from "./server-samples.ts";

const memoryDir = join(temporaryFolder("mcp"), "memory");

describe("an agent's client", () => {
  const client = new Client({ name: "test", version: "1" });
  const call = async (
    name: string,
    params: object,
  ): Promise<{ isError?: boolean; result: Record<string, unknown>; text: string }> => {
    const answer = await client.callTool({ name, arguments: { ...params } });
    const [first] = answer.content as { text: string }[];
    return {
      isError: answer.isError === true,
      result: answer.structuredContent as Record<string, unknown>,
      text: first!.text,
    };
  };

  beforeAll(async () => {
    const args = [join(PROJECT_DIR, "scripts/serve.ts"), "--mcp", "--memory-dir", memoryDir];
    await client.connect(new StdioClientTransport({ command: process.execPath, args }));
  });

  afterAll(() => client.close());

  test("finds the methods as tools, and which of them only read or destroy", async () => {
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(METHODS.map(({ name }) => name));
    const hints = Object.fromEntries(tools.map(({ name, annotations }) => [name, annotations]));
    expect(hints["recall_trades"]).toMatchObject({ readOnlyHint: true, destructiveHint: false });
    expect(hints["record_outcome"]).toMatchObject({
      readOnlyHint: false,
      destructiveHint: false,
      idempotentHint: true,
    });
    expect(hints["forget_provider"]).toMatchObject({ destructiveHint: true });
    const recall = tools.find(({ name }) => name === "recall_trades")!.inputSchema as { required: string[] };
    expect(recall.required).toEqual(["as_of"]);
  });

  test("records a trade and recalls it, and is told what to change where it errs", async () => {
    const opened = await call("open_session", { engine: "agent", mode: "backtest", providers: ["up", "down"] });
    const session = opened.result["session"] as string;
    const trade = { ...tradeOf(session, "2024-01-02", 110), description: "Breakout after a quiet week" };
    expect((await call("record_outcome", trade)).result).toMatchObject({ result_r: 1, already_recorded: false });
    const recalled = await call("recall_trades", { query: "a breakout, quiet before", as_of: "2024-02-01" });
    expect(recalled.result).toMatchObject({ searched: 1, trades: [{ asset: "BTCUSD", won: true, result_r: 1 }] });
    const refused = await call("recall_trades", { query: "breakout" });
    expect([refused.isError, refused.text]).toEqual([true, expect.stringContaining("found no as_of, expected a date")]);
  });

  test("is refused a call of more than 1 MiB, and answered the next one", async () => {
    const refused = await call("recall_trades", { query: "x".repeat(1 << 20), as_of: "2024-02-01" });
    expect([refused.isError, refused.text]).toEqual([true, expect.stringContaining("found more than 1048576 bytes")]);
    expect((await call("memory_stats", {})).isError).toBe(false);
  });
});

const HELLO = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } },
});
const SERVER = [process.execPath, join(PROJECT_DIR, "scripts/serve.ts"), "--mcp", "--memory-dir"];

/** Writes to a server that may have ended. */
async function send(stdin: Bun.FileSink, text: string): Promise<void> {
  try {
    stdin.write(text);
    await stdin.flush();
  } catch {
    // It reads no more.
  }
}

test("a message of more than 10 MiB ends the server, which says so", async () => {
  const child = Bun.spawn([...SERVER, join(temporaryFolder("mcp"), "memory")], { stdin: "pipe", stderr: "pipe" });
  void send(child.stdin, `${HELLO}\n${"x".repeat(11 << 20)}`);
  expect(await child.exited).toBe(4);
  expect(await new Response(child.stderr).text()).toContain("expected a smaller message");
});

test("a client that reads no more ends the server", async () => {
  const program = `{ "$@"; echo "code $?" >&2; } | head -n 1 >/dev/null`;
  const command = ["sh", "-c", program, "sh", ...SERVER, join(temporaryFolder("mcp"), "memory")];
  const child = Bun.spawn(command, { stdin: "pipe", stderr: "pipe" });
  const asks = setInterval(() => void send(child.stdin, `${HELLO}\n`), 50);
  const told = await new Response(child.stderr).text();
  clearInterval(asks);
  expect(told).toBe("code 0\n");
});
