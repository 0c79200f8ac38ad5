import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { PROJECT_DIR } from "../samples.ts";
import { startServer } from "../serve/rpc-child.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { runScript, whileLocked } from "./run-script.ts";

describe("serve", () => {
  const folder = temporaryFolder("serve");

  test("answers over stdin until it ends, and leaves a memory", async () => {
    const memoryDir = join(folder, "memory");
    const child = Bun.spawn(
      [process.execPath, join(PROJECT_DIR, "scripts/serve.ts"), "--stdio", "--memory-dir", memoryDir],
      {
        stdin: new TextEncoder().encode('{"jsonrpc":"2.0","id":1,"method":"memory_stats"}\nno JSON\n'),
        stdout: "pipe",
      },
    );
    const lines = (await new Response(child.stdout).text()).split("\n").map((line) => line.slice(0, 40));
    expect(lines.toSorted()).toEqual([
      "",
      expect.stringContaining('"id":1,"result"'),
      expect.stringContaining('"id":null'),
    ]);
    expect(await child.exited).toBe(0);
  });

  test("ends by SIGTERM although its stdin is open, and has released the folder", async () => {
    const memoryDir = join(folder, "terminated");
    const server = startServer(memoryDir);
    await server.call("memory_stats", {});
    server.terminate();
    expect(await server.exited).toBe(0);
    expect((await runScript("memory-stats.ts", ["--repair", "--memory-dir", memoryDir])).code).toBe(0);
  });

  test("ends with exit code 5 where another process writes", async () => {
    const memoryDir = join(folder, "memory");
    await whileLocked(memoryDir, async (pid) => {
      const { code, stderr } = await runScript("serve.ts", ["--stdio", "--memory-dir", memoryDir]);
      expect(code).toBe(5);
      expect(stderr).toContain(`process ${pid}`);
    });
  });

  test.each([
    ["that no header can carry", "a secret", "CARRYOVER_TOKEN has characters that a header cannot"],
    ["that can be guessed", "secret", "CARRYOVER_TOKEN has 6 characters, expected 16 or more"],
  ])("refuses a token %s", async (_what, token, message) => {
    const args = ["--http", "127.0.0.1:0", "--memory-dir", join(folder, "token")];
    const { code, stderr } = await runScript("serve.ts", args, { env: { CARRYOVER_TOKEN: token } });
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });

  test.each([
    [[], "--stdio, --http or --mcp is needed"],
    [["--stdio", "--http"], "--stdio and --http cannot be used together"],
    [["--http", "here"], 'HOST:PORT such as 127.0.0.1:8787, found "here"'],
    [["--stdio", "8787"], 'unexpected argument "8787"'],
  ])("refuses %j", async (args, message) => {
    const { code, stderr } = await runScript("serve.ts", args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});
