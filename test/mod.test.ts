import { expect, setDefaultTimeout, test } from "bun:test";
import * as library from "../lib/mod.ts";
import { expectFirstExample } from "./first-example.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

test("the first example of the library prints what its comments say", async () => {
  // test/slow/engines.ts has Node and Deno.
  await expectFirstExample([process.execPath, "run", "-"]);
});

test("the library offers neither the machine nor the configuration", () => {
  const names = Object.keys(library);
  expect(names).toContain("backtest");
  expect(names).toContain("openMemory");
  expect(names.filter((name) => /disk|lock|config|environment/i.test(name))).toEqual([]);
});
