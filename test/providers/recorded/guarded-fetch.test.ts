import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROJECT_DIR } from "../../samples.ts";

const OPENSSL = Bun.which("openssl");

const work = mkdtempSync(join(tmpdir(), "carryover-tls-"));
afterAll(() => rmSync(work, { recursive: true }));

test.skipIf(OPENSSL === null)(
  `a certificate is checked, although the environment says not to${OPENSSL === null ? " (skipped: openssl is missing)" : ""}`,
  () => {
    const request = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=localhost";
    expect(Bun.spawnSync(["openssl", ...request.split(" ")], { cwd: work, stderr: "ignore" }).exitCode).toBe(0);
    writeFileSync(
      join(work, "fetch.ts"),
      `import { guardedFetch } from ${JSON.stringify(join(PROJECT_DIR, "lib/providers/recorded/llm-http.node.ts"))};
       const tls = { key: Bun.file("key.pem"), cert: Bun.file("cert.pem") };
       const server = Bun.serve({ port: 0, tls, fetch: () => new Response("answered") });
       for (const get of [fetch, guardedFetch]) {
         console.log(await get("https://localhost:" + server.port).then((response) => response.text(), (error) => error.message));
       }
       await server.stop(true);`,
    );
    const env = { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: "0" };
    const { stdout } = Bun.spawnSync([process.execPath, "fetch.ts"], { cwd: work, env, stderr: "inherit" });
    // The first, which obeys the environment, shows that the second would have been answered.
    expect(stdout.toString()).toBe("answered\nself signed certificate\n");
  },
  60_000,
);
