import { describe, expect, test } from "bun:test";
import { CarryoverError } from "../../lib/errors.ts";
import { answerMessage, type RpcHandler, UnknownMethod } from "../../lib/serve/json-rpc.ts";
import { ParamError } from "../../lib/serve/param-error.ts";

const bugs: unknown[] = [];

const HANDLER: RpcHandler = {
  call: async (method, params) => {
    if (method === "echo") return params;
    if (method === "refuse") throw new ParamError("Cannot refuse: found x for y, expected z", { field: "y" });
    if (method === "lock") throw new CarryoverError("LOCKED", "Cannot write");
    if (method === "break") throw new TypeError("undefined is not a function");
    throw new UnknownMethod("BAD_USAGE", "Cannot call it");
  },
  onBug: (error) => bugs.push(error),
};

async function answer(message: unknown): Promise<unknown> {
  const text = await answerMessage(typeof message === "string" ? message : JSON.stringify(message), HANDLER);
  return text === undefined ? undefined : JSON.parse(text);
}

const request = (method: string, more: object = {}): object => ({ jsonrpc: "2.0", id: 1, method, ...more });

describe("a request", () => {
  test("is answered under its id, which may be a text", async () => {
    expect(await answer(request("echo", { params: { a: 1 } }))).toEqual({ jsonrpc: "2.0", id: 1, result: { a: 1 } });
    for (const more of [{}, { params: null }]) {
      expect(await answer(request("echo", { id: "x", ...more }))).toEqual({ jsonrpc: "2.0", id: "x", result: {} });
    }
  });

  test("without an id is done and not answered, not even if it fails", async () => {
    expect(await answer({ jsonrpc: "2.0", method: "echo" })).toBeUndefined();
    expect(await answer({ jsonrpc: "2.0", method: "refuse" })).toBeUndefined();
  });

  test.each([
    [request("refuse"), 1, -32602, { code: "BAD_USAGE", field: "y" }],
    [request("echo", { params: [1] }), 1, -32602, { code: "BAD_USAGE", field: "params" }],
    [request("lock"), 1, -32003, { code: "LOCKED" }],
    [request("nothing"), 1, -32601, undefined],
    [{ id: 1, method: "echo" }, 1, -32600, undefined],
    [request("echo", { id: {} }), null, -32600, undefined],
    [{ jsonrpc: "2.0", id: 1 }, 1, -32600, undefined],
    [3, null, -32600, undefined],
    [[], null, -32600, undefined],
    ["{", null, -32700, undefined],
    ['{"id": 7, "params": {"price": NaN, "note": "NaN"}}', 7, -32700, { code: "BAD_USAGE", field: "price" }],
    ['{"id": "a", "params": {"stop": -Infinity}}', "a", -32700, { code: "BAD_USAGE", field: "stop" }],
  ])("%j fails with its code", async (message, id, code, data) => {
    const { error, ...rest } = (await answer(message)) as { error: { code: number; data?: object; message: string } };
    expect(rest).toEqual({ jsonrpc: "2.0", id } as typeof rest);
    expect([error.code, error.data]).toEqual([code, data]);
    expect(error.message).toMatch(/^Cannot /);
  });

  test("that meets a bug says so, and the bug is told", async () => {
    expect(await answer(request("break"))).toMatchObject({ error: { code: -32603 } });
    expect(bugs).toEqual([expect.any(TypeError)]);
  });
});

describe("a batch", () => {
  test("is answered together, in its order, without its notifications", async () => {
    const batch = [request("echo"), { jsonrpc: "2.0", method: "echo" }, 3, request("nothing", { id: 2 })];
    expect(await answer(batch)).toMatchObject([
      { id: 1, result: {} },
      { id: null },
      { id: 2, error: { code: -32601 } },
    ]);
  });

  test("of notifications is not answered", async () => {
    expect(await answer([{ jsonrpc: "2.0", method: "echo" }])).toBeUndefined();
  });
});
