/** A server of S3 for tests: moto (PyPI `moto[server]`), whose `moto_server` must be on the PATH. */
import { afterAll, beforeAll } from "bun:test";
import type { S3Options } from "../../../lib/storage/s3-bucket.ts";
import { freePort } from "./free-port.ts";

/** Its path, `null` if it is missing. */
export const MOTO: string | null = Bun.which("moto_server");

/** Starts a server before the tests of a block, with one bucket, and ends it after them. */
export function startMoto(): S3Options & { readonly endpoint: string } {
  const port = freePort();
  const at = {
    endpoint: `http://127.0.0.1:${port}`,
    bucket: "trading",
    region: "us-east-1",
    accessKeyId: "key",
    secretAccessKey: "secret",
  };
  let server: Bun.Subprocess;
  beforeAll(async () => {
    server = Bun.spawn([MOTO!, "-H", "127.0.0.1", "-p", String(port)], { stdout: "ignore", stderr: "ignore" });
    for (let isMade = false; !isMade; await Bun.sleep(100)) {
      isMade = await fetch(`${at.endpoint}/${at.bucket}`, { method: "PUT" }).then(
        ({ ok }) => ok,
        () => false,
      );
    }
  });
  afterAll(() => server.kill());
  return at;
}
