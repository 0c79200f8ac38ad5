import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkBackups } from "../../lib/backup/health.node.ts";
import { temporaryFolder } from "../temporary-folder.ts";

describe("backups that a flag names", () => {
  const place = temporaryFolder("doctor-backups");

  test("are counted, and a file in their place is found", async () => {
    const backupDir = join(place, "backups");
    expect(await checkBackups(backupDir)).toMatchObject({ state: "ok", found: "0", folder: backupDir });
    writeFileSync(backupDir, "");
    const { state, found } = await checkBackups(backupDir);
    expect([state, found]).toEqual(["missing", expect.stringContaining(`Cannot list backups in "${backupDir}"`)]);
  });

  test("may be in a bucket: one that is not there is missing, and a store that does not answer stops no run", async () => {
    const server = Bun.serve({
      port: 0,
      fetch: ({ url }) =>
        url.includes("/none")
          ? new Response("<Error><Code>NoSuchBucket</Code></Error>", { status: 404 })
          : new Response("<Error><Code>AccessDenied</Code></Error>", { status: 403 }),
    });
    const environment = { ACCESS_KEY_ID: "a", SECRET_ACCESS_KEY: "b", REGION: "r", ENDPOINT_URL_S3: server.url.href };
    for (const [name, value] of Object.entries(environment)) process.env[`AWS_${name}`] = value;
    try {
      expect(await checkBackups("s3://none/x")).toMatchObject({
        state: "missing",
        found: expect.stringContaining("the store has no bucket of this name"),
      });
      expect(await checkBackups("s3://refused")).toMatchObject({
        state: "note",
        found: expect.stringContaining("found status 403 of the store"),
      });
    } finally {
      for (const name of Object.keys(environment)) delete process.env[`AWS_${name}`];
      await server.stop(true);
    }
  });
});
