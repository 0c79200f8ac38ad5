import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../lib/config/load.node.ts";
import { checkEngine, checkHealth, spaceOf } from "../../lib/maintenance/doctor.node.ts";
import { PROJECT_DIR } from "../samples.ts";

test.each([
  [{ bun: "1.4.5", node: "24.3.0" }, "ok", "Bun 1.4.5"],
  [{ bun: "1.10.0", node: "24.3.0" }, "ok", "Bun 1.10.0"],
  [{ bun: "1.4.4", node: "24.3.0" }, "missing", "Bun 1.4.4, expected 1.4.5 or newer"],
  [{ node: "22.18.0" }, "ok", "Node 22.18.0"],
  [{ node: "22.9.0" }, "missing", "Node 22.9.0, expected 22.18.0 or newer"],
  [{ deno: "2.5.0", node: "20.0.0" }, "ok", "Deno 2.5.0"],
])("of the versions %j the engine is %s: %s", (versions, state, found) => {
  expect(checkEngine(versions)).toMatchObject({ name: "engine", state, found });
});

test.each([
  [49_999_999, "missing"],
  [50_000_000, "note"],
  [999_999_999, "note"],
  [1_000_000_000, "ok"],
] as const)("%d free bytes are %s", (freeBytes, state) => {
  expect(spaceOf(freeBytes).state).toBe(state);
});

test("a clock that was never set is named, and stops no run", async () => {
  const { config } = await loadConfig(join(PROJECT_DIR, "config.yaml"));
  const checks = await checkHealth({
    config,
    memoryDir: join(tmpdir(), "carryover-no-memory"),
    repairCommand: "",
    nowMs: Date.UTC(1970, 0, 1, 0, 1),
    signal: new AbortController().signal,
  });
  const clock = checks.find(({ name }) => name === "clock");
  expect(clock).toMatchObject({ state: "note", cure: "timedatectl set-ntp true" });
  expect(clock!.found).toStartWith("1970-01-01T00:01:00Z, earlier than Carryover was installed (");
});
