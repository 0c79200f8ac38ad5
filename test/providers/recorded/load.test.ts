import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CarryoverError } from "../../../lib/errors.ts";
import { loadClient } from "../../../lib/providers/recorded/load.node.ts";
import { Secrets } from "../../../lib/providers/recorded/redact.ts";
import { PROJECT_DIR } from "../../samples.ts";
import { makeContext, makeSituation } from "../situation-samples.ts";
import { KEY, ModelUnderTest, NEVER } from "./model-under-test.ts";

const model = new ModelUnderTest();
const work = mkdtempSync(join(tmpdir(), "carryover-load-"));
afterAll(async () => {
  await model.stop();
  rmSync(work, { recursive: true });
});

/** Asks with the key of an environment variable. */
async function askWithKeyOf(variable: string): Promise<unknown> {
  const config = model.config({ api_key_env: variable });
  const { client } = await loadClient(config, { baseDir: work, onNote: () => {}, secrets: new Secrets([]) });
  const { vote } = await client.prepare(makeSituation(), makeContext(0)).ask({ drain: NEVER, abort: NEVER });
  return vote;
}

test("a key is read from the environment, without spaces around it", async () => {
  process.env["CARRYOVER_TEST_KEY"] = ` ${KEY}\n`;
  expect(await askWithKeyOf("CARRYOVER_TEST_KEY")).toEqual({ action: "BUY", confidence: 70, reason: "it rises" });
  delete process.env["CARRYOVER_TEST_KEY"];
  expect(model.server.requests.at(-1)!.headers.get("authorization")).toBe(`Bearer ${KEY}`);
});

test("a key that no header can have is refused before anything is sent, and not shown", async () => {
  const before = model.server.requests.length;
  for (const wrong of ["sk-abcdefgh\nijklmnop", "sk-abcdefgh\u2026ijklmnop", "sk-abcdefgh\u0007ijklmnop"]) {
    process.env["CARRYOVER_WRONG_KEY"] = wrong;
    const error: unknown = await askWithKeyOf("CARRYOVER_WRONG_KEY").catch((thrown: unknown) => thrown);
    expect((error as CarryoverError).code).toBe("NOT_FOUND");
    expect(String(error)).toEndWith(
      'Cannot ask "llama": found characters that no header can have in the environment variable "CARRYOVER_WRONG_KEY", ' +
        "expected a key of printable ASCII characters",
    );
    expect(Bun.inspect(error)).not.toContain("abcdefgh");
  }
  delete process.env["CARRYOVER_WRONG_KEY"];
  expect(model.server.requests.length).toBe(before);
});

test("a missing key is reported with the name of its variable", async () => {
  await expect(askWithKeyOf("CARRYOVER_NOT_SET")).rejects.toThrow(
    'Cannot ask "llama": found no environment variable "CARRYOVER_NOT_SET", expected the key in it',
  );
});

const OPENSSL = Bun.which("openssl");

test.skipIf(OPENSSL === null)(
  `a certificate is checked, although the environment says not to${OPENSSL === null ? " (skipped: openssl is missing)" : ""}`,
  () => {
    const request = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=localhost";
    expect(Bun.spawnSync(["openssl", ...request.split(" ")], { cwd: work, stderr: "ignore" }).exitCode).toBe(0);
    const lib = join(PROJECT_DIR, "lib/providers/recorded/load.node.ts");
    writeFileSync(
      join(work, "ask.ts"),
      `import { loadClient } from ${JSON.stringify(lib)};
       import { Secrets } from ${JSON.stringify(join(PROJECT_DIR, "lib/providers/recorded/redact.ts"))};
       const tls = { key: Bun.file("key.pem"), cert: Bun.file("cert.pem") };
       const server = Bun.serve({ port: 0, tls, fetch: () => new Response("answered") });
       const base_url = "https://localhost:" + server.port;
       console.log(await (await fetch(base_url)).text());
       const config = ${JSON.stringify({ ...model.config({ max_retries: 0 }), base_url: undefined })};
       const { client } = await loadClient({ ...config, base_url }, { baseDir: ".", onNote() {}, secrets: new Secrets([]) });
       const question = client.prepare(${JSON.stringify(makeSituation())}, ${JSON.stringify(makeContext(0))});
       const never = new AbortController().signal;
       await question.ask({ drain: never, abort: never }).catch((error) => console.log(error.message));
       await server.stop(true);`,
    );
    const env = { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: "0" };
    const { stdout } = Bun.spawnSync([process.execPath, "ask.ts"], { cwd: work, env, stderr: "inherit" });
    // Plain fetch obeys the environment, which shows that the model would have been answered too.
    expect(stdout.toString()).toMatch(
      /^answered\nCannot ask "llama": found no safe connection to .*: self signed certificate, /,
    );
  },
  60_000,
);
