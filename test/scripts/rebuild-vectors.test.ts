import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { appendFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeOutcomes } from "../memory/outcome-samples.ts";
import { hostScripts } from "./hosted-script.ts";
import { filesOf, whileLocked, writeMemory } from "./run-script.ts";

const runScript = hostScripts();

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const base = mkdtempSync(join(tmpdir(), "carryover-rebuild-"));
let folders = 0;

afterAll(() => rmSync(base, { recursive: true, force: true }));

/** Twelve trades, and a memory folder with them. */
const OUTCOMES = makeOutcomes(12);
const VECTOR_BYTES = 12 * 128 * 4;
async function fixture(outcomes = OUTCOMES): Promise<string> {
  const memoryDir = join(base, String((folders += 1)), "memory");
  await writeMemory(memoryDir, outcomes);
  return memoryDir;
}

async function rebuild(memoryDir: string, ...args: string[]): Promise<{ code: number; json: Record<string, unknown> }> {
  const { code, stdout } = await runScript("rebuild-vectors.ts", ["--memory-dir", memoryDir, "--json", ...args]);
  return { code, json: JSON.parse(stdout) as Record<string, unknown> };
}

describe("rebuild-vectors", () => {
  test("keeps sound vectors", async () => {
    const memoryDir = await fixture();
    const before = filesOf(memoryDir);
    const { code, stdout, stderr } = await runScript("rebuild-vectors.ts", ["--memory-dir", memoryDir]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^Made 0 vectors and kept 12: 12 x 128 by hashing, \d+\.\d kB\n$/);
    expect(filesOf(memoryDir)).toEqual(before);
  });

  test("--all computes each again, to the same bytes in any order of recording", async () => {
    const memoryDir = await fixture();
    const before = filesOf(memoryDir);
    const { code, json } = await rebuild(memoryDir, "--all");
    expect(code).toBe(0);
    expect(json).toMatchObject({ made: 12, kept: 0, dim: 128, embedder: "hashing", vector_bytes: VECTOR_BYTES });
    expect(filesOf(memoryDir)).toEqual(before);

    const reversed = await fixture(OUTCOMES.toReversed());
    await rebuild(reversed, "--all");
    expect(filesOf(reversed)).toEqual(before);
  });

  test("computes what is missing after a file was deleted or outcomes were copied in", async () => {
    const memoryDir = await fixture();
    const whole = filesOf(memoryDir);
    for (const name of ["vectors.f32", "vectors.meta.json.gz"]) {
      rmSync(join(memoryDir, name));
      expect(await rebuild(memoryDir)).toMatchObject({ code: 0, json: { made: 12, kept: 0 } });
      expect(filesOf(memoryDir)).toEqual(whole);
    }
    const grown = await fixture(OUTCOMES.slice(0, 9));
    for (const { decision_id: id } of OUTCOMES.slice(9)) {
      cpSync(join(memoryDir, `outcome_${id}.json`), join(grown, `outcome_${id}.json`));
    }
    expect(await rebuild(grown)).toMatchObject({ code: 0, json: { made: 3, kept: 9 } });
    expect(filesOf(grown)).toEqual(whole);
  });

  test("repairs a flipped bit, half a vector and a damaged sidecar", async () => {
    const memoryDir = await fixture();
    const whole = filesOf(memoryDir);
    const vectors = readFileSync(join(memoryDir, "vectors.f32"));
    const flipped = Buffer.from(vectors);
    flipped[1000]! ^= 1;
    for (const damaged of [flipped, vectors.subarray(0, VECTOR_BYTES - 256), Buffer.alloc(VECTOR_BYTES)]) {
      writeFileSync(join(memoryDir, "vectors.f32"), damaged);
      // Twelve vectors are a single block.
      expect(await rebuild(memoryDir)).toMatchObject({ code: 0, json: { made: 12, kept: 0 } });
      expect(filesOf(memoryDir)).toEqual(whole);
    }
    const sidecar = readFileSync(join(memoryDir, "vectors.meta.json.gz"));
    sidecar[sidecar.length >> 1]! ^= 1;
    writeFileSync(join(memoryDir, "vectors.meta.json.gz"), sidecar);
    expect(await rebuild(memoryDir)).toMatchObject({ code: 0, json: { made: 12, kept: 0 } });
    expect(filesOf(memoryDir)).toEqual(whole);
  });

  test("cuts off bytes after the last vector, which numpy would reject", async () => {
    const memoryDir = await fixture();
    const whole = filesOf(memoryDir);
    appendFileSync(join(memoryDir, "vectors.f32"), "abc");
    expect(await rebuild(memoryDir)).toMatchObject({
      code: 0,
      json: { made: 0, kept: 12, vector_bytes: VECTOR_BYTES },
    });
    expect(filesOf(memoryDir)).toEqual(whole);
  });

  test("--all moves a damaged outcome to quarantine, rebuilds the rest and exits with 4", async () => {
    const memoryDir = await fixture();
    const name = `outcome_${OUTCOMES[4]!.decision_id}.json`;
    const text = readFileSync(join(memoryDir, name), "utf8");
    writeFileSync(join(memoryDir, name), text.replace('"position_size": 0.05', '"position_size": 0.06'));
    const { code, stdout, stderr } = await runScript("rebuild-vectors.ts", ["--all", "--memory-dir", memoryDir]);
    expect(code).toBe(4);
    expect(stdout).toStartWith("Made 11 vectors and kept 0: 11 x 128");
    expect(stderr).toStartWith(`warning: Moved "${name}" to quarantine: Cannot read "${name}": found a crc32 of`);
    expect(existsSync(join(memoryDir, "quarantine", name))).toBeTrue();
  });

  test("makes no folder if there is no memory, and touches no other folder", async () => {
    const nowhere = join(base, "nowhere");
    const { code, stdout, stderr } = await runScript("rebuild-vectors.ts", ["--memory-dir", nowhere]);
    expect([code, stdout]).toEqual([3, ""]);
    expect(stderr).toBe(
      `error: Cannot rebuild vectors: found no memory in "${nowhere}", expected a folder that a run has written to\n`,
    );
    expect(existsSync(nowhere)).toBeFalse();

    const other = mkdtempSync(join(base, "other-"));
    writeFileSync(join(other, ".tmp-mine"), "not to be swept");
    expect((await runScript("rebuild-vectors.ts", ["--memory-dir", other])).code).toBe(3);
    expect(filesOf(other)).toEqual({ ".tmp-mine": "not to be swept" });
  });

  test("exits with 5 and names the process that holds the lock", async () => {
    const memoryDir = await fixture();
    const before = filesOf(memoryDir);
    await whileLocked(memoryDir, async (pid) => {
      const { code, stdout, stderr } = await runScript("rebuild-vectors.ts", ["--memory-dir", memoryDir]);
      expect([code, stdout]).toEqual([5, ""]);
      expect(stderr).toContain(`found it locked by process ${pid} `);
    });
    expect(filesOf(memoryDir)).toEqual(before);
  });
});
