import { expect, spyOn, test } from "bun:test";
import { runName } from "../../lib/report/counterpart.node.ts";
import { tradesReader } from "../../lib/report/make.node.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";

const ID = "0123456789abcdef".repeat(4);

test("a run is called by its folder too, so that runs with the same label are told apart", () => {
  expect(runName({ folder: "", label: "base", id: ID })).toBe("base");
  expect(runName({ folder: "off", label: "base", id: ID })).toBe("off/base");
  expect(runName({ folder: "synthetic", label: undefined, id: ID })).toBe("synthetic/0123456789ab");
});

test("a memory folder is read once, however often its trades are asked for", async () => {
  const storage = inMemoryStorage();
  const listed = spyOn(storage, "list");
  const tradesIn = tradesReader({});
  const first = await tradesIn({ memoryDir: "a", storage });
  // A second run of the folder has opened it again.
  expect(await tradesIn({ memoryDir: "a", storage: inMemoryStorage() })).toBe(first);
  expect(listed).toHaveBeenCalledTimes(1);
});
