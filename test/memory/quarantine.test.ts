import { expect, test } from "bun:test";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { moveToQuarantine } from "../../lib/memory/load.ts";

test("a file is moved under its own name, and what was moved there before stays", async () => {
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
