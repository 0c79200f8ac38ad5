/** A server in a process of its own, over its stdin and stdout. */
import { join } from "node:path";
import { MessageLines } from "../../lib/serve/message-lines.ts";
import { PROJECT_DIR } from "../samples.ts";

export interface RpcChild {
  /** Sends a request, and returns its result. Many may be under way. @throws The error of an answer. */
  readonly call: (method: string, params: object) => Promise<Record<string, unknown>>;
  readonly kill: () => void;
  readonly terminate: () => void;
  /** The exit code. */
  readonly exited: Promise<number>;
  /** Closes its stdin. @returns The exit code. */
  readonly end: () => Promise<number>;
}

/** @param runtime The engine. @default this one */
export function startServer(memoryDir: string, runtime: readonly string[] = [process.execPath]): RpcChild {
  const args = [...runtime, join(PROJECT_DIR, "scripts/serve.ts"), "--stdio", "--memory-dir", memoryDir];
  const child = Bun.spawn(args, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const open = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  let last = 0;
  const send = async (line: string): Promise<void> => {
    child.stdin.write(line);
    await child.stdin.flush();
  };
  void readAnswers(child.stdout, open);
  return {
    call: (method, params) => {
      const answer = Promise.withResolvers<Record<string, unknown>>();
      open.set(++last, answer);
      send(`${JSON.stringify({ jsonrpc: "2.0", id: last, method, params })}\n`).catch(answer.reject);
      return answer.promise;
    },
    kill: () => child.kill("SIGKILL"),
    terminate: () => child.kill("SIGTERM"),
    exited: child.exited,
    end: async () => {
      await child.stdin.end();
      return child.exited;
    },
  };
}

async function readAnswers(
  stdout: ReadableStream<Uint8Array>,
  open: Map<number, PromiseWithResolvers<Record<string, unknown>>>,
): Promise<void> {
  const lines = new MessageLines();
  for await (const piece of stdout) {
    for (const line of lines.push(piece)) {
      const { id, result, error } = JSON.parse(line!) as {
        id: number;
        result: Record<string, unknown>;
        error?: object;
      };
      if (error === undefined) open.get(id)?.resolve(result);
      else open.get(id)?.reject(Object.assign(new Error(), error));
      open.delete(id);
    }
  }
  for (const answer of open.values()) answer.reject(new Error("the server is gone"));
}
