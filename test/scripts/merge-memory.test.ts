import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_DIR } from "../samples.ts";
import { makeOutcomes } from "../memory/outcome-samples.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { hostScripts } from "./hosted-script.ts";
import { filesOf, whileLocked, writeMemory } from "./run-script.ts";

const runScript = hostScripts();

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const base = temporaryFolder("merge");

/** Two folders that share two outcomes of six; the second also has a run without memory. */
async function fixture(): Promise<{ a: string; b: string; to: string }> {
  const dir = mkdtempSync(join(base, "case-"));
  const [a, b] = [join(dir, "a"), join(dir, "b")];
  const outcomes = makeOutcomes(6);
  await writeMemory(a, outcomes.slice(0, 4));
  await writeMemory(b, outcomes.slice(2));
  await writeMemory(join(b, "off"), outcomes.slice(0, 1));
  return { a, b, to: join(dir, "merged", "memory") };
}

test("a folder in a memory that is somebody else's is refused with 2, and nothing in it changes", async () => {
  const { a, b, to } = await fixture();
  const foreign = join(a, "off");
  mkdirSync(foreign);
  for (const name of ["note.txt", `.tmp-${crypto.randomUUID()}`]) writeFileSync(join(foreign, name), "mine");
  const before = readdirSync(foreign);
  const { code, stderr } = await runScript("merge-memory.ts", [a, b, "--to", to]);
  expect([code, stderr]).toEqual([2, expect.stringContaining(`Cannot use "${foreign}" as a memory folder`)]);
  expect([readdirSync(foreign), existsSync(to)]).toEqual([before, false]);
});

test("merges folders into a new one, and shows what is in it", async () => {
  const { a, b, to } = await fixture();
  const { code, stdout, stderr } = await runScript("merge-memory.ts", [a, b, "--to", to]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout.replace(/into .*/, "into DIR")).toBe(
    [
      "Merged 2 folders into DIR",
      "",
      "Memory  Outcomes  Marks  Runs  Snapshots  Shared files",
      "------  --------  -----  ----  ---------  ------------",
      ".              6      0     0          0             2",
      "off            1      0     0          0             0",
      "",
    ].join("\n"),
  );
  const check = await runScript("memory-stats.ts", ["--memory-dir", to, "--check"]);
  expect([check.code, check.stderr]).toEqual([0, ""]);
  expect(readdirSync(join(to, ".."))).toEqual(["memory"]);
  expect(existsSync(join(to, ".lock"))).toBe(false);
});

test("the order of the folders changes no byte", async () => {
  const { a, b, to } = await fixture();
  const one = await runScript("merge-memory.ts", [a, b, "--to", to, "--json"]);
  const other = await runScript("merge-memory.ts", [b, a, b, "--to", `${to}-2`, "--json"]);
  expect(filesOf(`${to}-2`)).toEqual(filesOf(to));
  expect(JSON.parse(other.stdout).folders).toEqual(JSON.parse(one.stdout).folders);
});

test.each([
  ["no folder", (): string[] => ["--to", "x"], 2, "name the folders to merge"],
  ["no target", ({ a }: { a: string }): string[] => [a], 2, "--to is missing"],
  ["a target with files", ({ a, b }): string[] => [a, "--to", b], 2, "expected nothing or an empty folder"],
  ["a missing folder", ({ a, to }): string[] => [a, `${a}x`, "--to", to], 3, "found nothing there"],
] as [string, (of: { a: string; b: string; to: string }) => string[], number, string][])(
  "%s is refused, and nothing is written",
  async (_, argsOf, code, wanted) => {
    const folders = await fixture();
    const result = await runScript("merge-memory.ts", argsOf(folders));
    expect(result.code).toBe(code);
    expect(result.stderr).toContain(wanted);
    expect(existsSync(folders.to)).toBe(false);
  },
);

test("a folder that is not a memory is refused", async () => {
  const { a, to } = await fixture();
  const photos = join(a, "..", "photos");
  mkdirSync(photos);
  writeFileSync(join(photos, "me.jpg"), "");
  const { code, stderr } = await runScript("merge-memory.ts", [a, photos, "--to", to]);
  expect(code).toBe(2);
  expect(stderr).toContain(`Cannot use "${photos}" as a memory folder`);
});

test("other content under one name is a conflict, exit code 4, and leaves nothing behind", async () => {
  const { a, b, to } = await fixture();
  const [outcome] = makeOutcomes(1);
  await writeMemory(b, [{ ...outcome!, realized_pnl: 12_345 }]);
  const { code, stderr } = await runScript("merge-memory.ts", [a, b, "--to", to]);
  expect(code).toBe(4);
  expect(stderr).toContain("found other content than in");
  expect(readdirSync(join(to, ".."))).toEqual([]);
});

test("a merge that is killed leaves no half of a folder, and the next one clears up after it", async () => {
  const { a, b, to } = await fixture();
  const script = join(PROJECT_DIR, "scripts", "merge-memory.ts");
  for (const ms of [60, 80, 100, 120]) {
    const child = Bun.spawn([process.execPath, script, a, b, "--to", to], { stdout: "ignore", stderr: "ignore" });
    await Bun.sleep(ms);
    child.kill("SIGKILL");
    await child.exited;
    if (existsSync(to)) break;
  }
  if (!existsSync(to)) expect((await runScript("merge-memory.ts", [a, b, "--to", to])).code).toBe(0);
  const { code } = await runScript("memory-stats.ts", ["--memory-dir", to, "--check"]);
  expect(code).toBe(0);
  expect(Object.keys(filesOf(to)).filter((name) => name.startsWith("outcome_"))).toHaveLength(6);
});

test("a folder that another process writes to is refused with exit code 5", async () => {
  const { a, b, to } = await fixture();
  await whileLocked(b, async (pid) => {
    const { code, stderr } = await runScript("merge-memory.ts", [a, b, "--to", to]);
    expect(code).toBe(5);
    expect(stderr).toContain(`found it locked by process ${pid}`);
  });
});
