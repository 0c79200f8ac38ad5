import { beforeAll, expect, test } from "bun:test";
import { checkOnce } from "../../lib/maintenance/check.ts";
import { flagsOfRun } from "../../lib/maintenance/finding.ts";
import { repairMemory } from "../../lib/maintenance/repair.ts";
import { renderRepair } from "../../scripts/text/check.ts";
import { resumeJob } from "../backtest/resume-samples.ts";
import { filesOf, runOn } from "../backtest/world-samples.ts";
import { bytesOf } from "../memory/folder-samples.ts";
import { openSession, testServer, tradeOf } from "../serve/server-samples.ts";
import { namesOf, RunFolder } from "./run-folder.ts";

let whole: RunFolder;
beforeAll(async () => {
  whole = await RunFolder.make();
});

test("moves damaged files to quarantine and rebuilds caches; the run then brings back the same bytes", async () => {
  const damaged = [
    whole.find(/^outcome_/),
    whole.find(/2018-02-18_10d\.json$/),
    whole.find(/2018-02-28_10d\.decisions\.ndjson$/),
    whole.find(/manifest\.json$/),
    whole.find(/summary\.json$/),
  ];
  const changes = Object.fromEntries(
    [...damaged, "vectors.meta.json.gz", "regime_performance.json"].map((name) => [name, whole.flipped(name, 8 * 100)]),
  );
  const storage = await whole.copy(changes);
  const { before, moved, rebuilt, after } = await repairMemory(storage, {});
  expect(namesOf(before.findings)).toEqual(expect.arrayContaining(Object.keys(changes)));
  expect(moved).toEqual(damaged.toSorted().map((name) => ({ name, to: `quarantine/${name}` })));
  expect(rebuilt).toEqual(expect.arrayContaining(["regime_performance.json", "vectors.meta.json.gz"]));
  // Only the run can make the rest again.
  expect(after.findings.every(({ remedy }) => remedy === "run")).toBe(true);
  for (const name of damaged) expect(await bytesOf(storage, `quarantine/${name}`)).toEqual(changes[name]!);

  await runOn(storage, resumeJob());
  for (const [name, bytes] of whole.files) expect([name, await bytesOf(storage, name)]).toEqual([name, bytes]);
  expect((await checkOnce(storage)).findings).toEqual([]);
});

test("a record and a summary that it moved away stay damaged until they are back", async () => {
  const damaged = [whole.find(/2018-03-10_10d\.json$/), whole.find(/summary\.json$/)];
  const storage = await whole.copy(Object.fromEntries(damaged.map((name) => [name, whole.flipped(name, 8 * 100)])));
  const { lost, after } = await repairMemory(storage, {});
  expect([lost, namesOf(after.findings)]).toEqual([[], damaged]);
  await runOn(storage, resumeJob());
  expect((await checkOnce(storage)).findings).toEqual([]);
});

test("names what no run makes again, and no later check misses: a snapshot, a mark, the labels, an outcome of a removed run", async () => {
  const moved = [/^forget_/, /^outcome_/, /labels\.json$/, /^snapshot_/].map((pattern) => whole.find(pattern));
  const changes = Object.fromEntries(moved.map((name) => [name, new TextEncoder().encode("{")]));
  const ofRun = [...whole.files.keys()].filter((name) => /^runs\/[0-9a-f]{64}\//.test(name));
  const storage = await whole.copy({ ...changes, ...Object.fromEntries(ofRun.map((name) => [name, null])) });
  const { lost, after } = await repairMemory(storage, {});
  expect([lost, namesOf(after.findings)]).toEqual([moved.toSorted(), []]);
});

test("repairs nothing twice: a second repair changes nothing", async () => {
  const storage = await whole.copy({ "vectors.f32": whole.flipped("vectors.f32", 99) });
  expect((await repairMemory(storage, {})).rebuilt).toEqual(["vectors.f32"]);
  const files = await filesOf(storage);
  const again = await repairMemory(storage, {});
  expect(again).toMatchObject({ moved: [], rebuilt: [] });
  expect(again.before.findings).toEqual([]);
  expect(await filesOf(storage)).toEqual(files);
});

test("names an outcome of an open session as lost, as nothing misses it, and prints no command of a run for a closed one", async () => {
  for (const isClosed of [false, true]) {
    const server = await testServer();
    const session = await openSession(server);
    await server.call("record_outcome", tradeOf(session, "2024-01-02", 115));
    await server.call("record_outcome", tradeOf(session, "2024-01-03", 115));
    if (isClosed) await server.call("close_session", { session });
    await server.stop();
    const { storage } = server;
    const name = (await storage.list()).files.find((each) => each.name.startsWith("outcome_20240102"))!.name;
    await storage.replace(name, new TextEncoder().encode("{"));
    const repair = await repairMemory(storage, {});
    const { before, moved, lost, after } = repair;
    expect(moved).toEqual([{ name, to: `quarantine/${name}` }]);
    expect(lost).toEqual(isClosed ? [] : [name]);
    expect(namesOf(after.findings)).toEqual(isClosed ? [expect.stringMatching(/2024Q1\.json$/)] : []);
    for (const { run } of [...before.findings, ...after.findings]) expect(flagsOfRun(run)).toBeUndefined();
    const printed = renderRepair({ memoryDir: "memory", runCommand: (flags) => `run-chunks ${flags}` }, repair);
    expect(printed).toEndWith(
      isClosed
        ? "from a backup on disk; else resume and close its session, which goes on without it\n"
        : `${name} of 2024-01-02: no stored run makes it again\n         copy it from a backup\n`,
    );
    expect(printed).not.toContain("run-chunks");
  }
});
