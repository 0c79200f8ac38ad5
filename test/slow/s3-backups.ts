/** Backups in S3 by the script: a server of moto (PyPI `moto[server]`), whose `moto_server` must be on the PATH. */
import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { appendFileSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { s3Bucket } from "../../lib/storage/s3-bucket.ts";
import { makeOutcomes } from "../memory/outcome-samples.ts";
import { PROJECT_DIR } from "../samples.ts";
import { filesOf, runScript, type ScriptResult, writeMemory } from "../scripts/run-script.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { MOTO, startMoto } from "./support/moto.ts";

setDefaultTimeout(600_000);

const base = temporaryFolder("s3-backups");
const memoryDir = join(base, "memory");
const OUTCOMES = 60;

describe.skipIf(MOTO === null)(`backups in S3${MOTO === null ? " (skipped: no moto_server)" : ""}`, () => {
  const at = startMoto();
  const environment = {
    AWS_ACCESS_KEY_ID: at.accessKeyId,
    AWS_SECRET_ACCESS_KEY: at.secretAccessKey,
    AWS_SESSION_TOKEN: "token",
    AWS_REGION: at.region,
    AWS_ENDPOINT_URL_S3: at.endpoint,
  };
  let places = 0;

  beforeAll(() => writeMemory(memoryDir, makeOutcomes(OUTCOMES)));

  const newPlace = (): string => `s3://${at.bucket}/backups-${++places}`;
  const backup = (args: readonly string[], env: Record<string, string> = {}): Promise<ScriptResult> =>
    runScript("backup.ts", ["--memory-dir", memoryDir, ...args], { env: { ...environment, ...env } });
  const succeed = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await backup(args);
    expect([code, stderr]).toEqual([0, ""]);
    return stdout;
  };
  const outcomesIn = (folder: string): unknown =>
    Object.fromEntries(Object.entries(filesOf(folder)).filter(([name]) => name.startsWith("outcome_")));

  test("one is made, listed, verified, restored and pruned; the second sends nothing", async () => {
    const place = newPlace();
    expect(await succeed("create", "--to", place)).toContain(`${OUTCOMES} outcomes in`);
    expect(await succeed("create", "--backup-dir", place, "--label", "second")).toMatch(
      /"second": .*, 0 B new\) to s3:/,
    );
    expect((await succeed("list", "--backup-dir", place)).trim().split("\n")).toHaveLength(4);
    expect(await succeed("verify", "--backup-dir", place)).toMatch(/^\S+ {2}good\n\S+ {2}good\n$/);
    await succeed("restore", "latest", "--backup-dir", place, "--to", join(base, "restored"));
    expect(outcomesIn(join(base, "restored"))).toEqual(outcomesIn(memoryDir));
    expect(await succeed("prune", "--backup-dir", place, "--keep-last", "1")).toContain("Kept 1 and removed 1");
    expect(await succeed("verify", "--backup-dir", place)).toMatch(/^\S+ {2}good\n$/);
  });

  test("what is wrong is said in a line, with an exit code", async () => {
    const place = newPlace();
    const cases: readonly [number, string, string[], Record<string, string>?][] = [
      [3, 'Cannot use the bucket "nowhere": found that the store has no', ["create", "--to", "s3://nowhere/a"]],
      [3, 'Cannot use the bucket "nowhere": found that the store has no', ["list", "--backup-dir", "s3://nowhere/a"]],
      [3, "no AWS_ACCESS_KEY_ID in the environment", ["create", "--to", place], { AWS_ACCESS_KEY_ID: "" }],
      [
        1,
        "expected the object store to answer",
        ["create", "--to", place],
        { AWS_ENDPOINT_URL_S3: "http://127.0.0.1:1" },
      ],
      [3, 'no backups in "s3://trading/', ["verify", "--backup-dir", place]],
      [3, 'no "latest" in "s3://trading/', ["restore", "latest", "--backup-dir", place, "--to", join(base, "none")]],
      [2, "an address such as s3://bucket/prefix", ["create", "--to", "s3://"]],
      [2, "cannot be used together", ["create", "--to", place, "--backup-dir", place]],
      [2, "restore --to needs a folder", ["restore", "latest", "--to", place]],
    ];
    for (const [exitCode, message, args, env] of cases) {
      const { code, stdout, stderr } = await backup(args, env);
      expect([code, stdout, stderr]).toEqual([exitCode, "", expect.stringContaining(message)]);
      expect(stderr.trim().split("\n")).toHaveLength(1);
    }
  });

  test("kills at random moments leave good backups, and the next create is whole", async () => {
    const place = newPlace();
    const prefix = place.slice(`s3://${at.bucket}/`.length);
    const bucket = s3Bucket(at);
    await succeed("create", "--to", place);
    const names = Array.from({ length: OUTCOMES }, (_, i) => `foreign_${i}.json`);
    for (let kill = 0; kill < 12; kill++) {
      // What no run reads and no check calls damaged. All bytes are new, so that there is something to send.
      for (const name of names) appendFileSync(join(memoryDir, name), name);
      const command = [process.execPath, join(PROJECT_DIR, "scripts", "backup.ts"), "create", "--to", place];
      const child = Bun.spawn([...command, "--memory-dir", memoryDir], {
        env: { ...process.env, ...environment },
        stdout: "ignore",
        stderr: "ignore",
      });
      await Bun.sleep(150 + Math.random() * 1000);
      child.kill("SIGKILL");
      await child.exited;
      // In place of waiting until its lease has lapsed.
      await bucket.delete(`${prefix}/lock`);
      await succeed("verify", "--backup-dir", place);
    }
    await succeed("create", "--to", place);
    await succeed("restore", "latest", "--backup-dir", place, "--to", join(base, "after-kills"));
    expect(outcomesIn(join(base, "after-kills"))).toEqual(outcomesIn(memoryDir));
    for (const name of names) {
      expect(readFileSync(join(base, "after-kills", name), "utf8")).toBe(readFileSync(join(memoryDir, name), "utf8"));
    }
  });

  test("two creates at once are two good backups", async () => {
    const place = newPlace();
    const results = await Promise.all([backup(["create", "--to", place]), backup(["create", "--to", place])]);
    expect(results.map(({ code }) => code)).toEqual([0, 0]);
    expect(await succeed("verify", "--backup-dir", place)).toMatch(/^\S+ {2}good\n\S+ {2}good\n$/);
  });

  test("an object that is gone is found, and the next create sends it again", async () => {
    const place = newPlace();
    await succeed("create", "--to", place);
    const bucket = s3Bucket(at);
    const { objects } = await bucket.list(`${place.slice(`s3://${at.bucket}/`.length)}/data/`);
    await bucket.delete(objects[0]!.key);
    const { code, stdout, stderr } = await backup(["verify", "--backup-dir", place]);
    expect([code, stdout, stderr]).toEqual([
      4,
      expect.stringContaining(" is missing"),
      expect.stringContaining("damaged"),
    ]);
    const to = join(base, "damaged");
    expect((await backup(["restore", "latest", "--backup-dir", place, "--to", to])).code).toBe(4);
    rmSync(to, { recursive: true, force: true });
    await succeed("create", "--to", place);
    expect((await backup(["verify", "--backup-dir", place])).code).toBe(0);
  });
});
