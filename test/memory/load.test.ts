import { expect, test } from "bun:test";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { moveToQuarantine } from "../../lib/memory/load.ts";

test("a file moves to quarantine under its own name, and files that are there stay", async () => {
  const storage = inMemoryStorage();
  const names = [];
  for (const text of ["first", "second", "third"]) {
    await storage.replace("runs/ab/2021Q1.json", new TextEncoder().encode(text));
    names.push(await moveToQuarantine(storage, "runs/ab/2021Q1.json"));
  }
  expect(names).toEqual(["", ".2", ".3"].map((end) => `quarantine/runs/ab/2021Q1.json${end}`));
  for (const [i, text] of ["first", "second", "third"].entries()) {
    expect(new TextDecoder().decode(await storage.read(names[i]!, { maxBytes: 10 }))).toBe(text);
  }
  expect((await storage.list("runs/ab")).files).toEqual([]);
});
