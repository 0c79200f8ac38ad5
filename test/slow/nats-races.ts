/** What can happen between the workers of a sweep on NATS at an unlucky moment. Needs `nats-server` on the PATH. `bun run test:slow` */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SHARED } from "../../lib/sweep/nats/names.ts";
import { encodeFailure, failureName } from "../../lib/sweep/nats/results.ts";
import { type QueuedRun, SweepServer } from "../../lib/sweep/nats/server.node.ts";
import { runScript } from "../scripts/run-script.ts";
import { BASE, writeSweep } from "../sweep/sweep-samples.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { Line, NATS_SERVER, NatsServer } from "./support/nats-server.ts";
import { collect, endOf, startWorker, submit } from "./support/nats-sweeps.ts";

setDefaultTimeout(120_000);

const base = temporaryFolder("nats-races");

/** A module that needs 0.2 s for each of three votes a day. */
const SLOW_VOTE = `export const vote = async () => {
  await new Promise((resolve) => setTimeout(resolve, 200));
  return { action: "BUY", confidence: 60 };
};
`;

function writeModuleSweep(sweep: string, module = SLOW_VOTE): string {
  const config = `${BASE}providers: [{ name: own, type: module, path: own.ts }]\n`;
  const { file, dir } = writeSweep(base, sweep, config);
  writeFileSync(join(dir, "own.ts"), module);
  return file;
}

/** Waits until a worker has begun its first cell. */
async function hasBegun(out: string): Promise<void> {
  while (!existsSync(out) || readdirSync(out).length === 0) await Bun.sleep(10);
  await Bun.sleep(1500);
}

async function take(server: SweepServer, id: string): Promise<QueuedRun> {
  for (;;) {
    const run = await server.take(id);
    if (run !== undefined) return run;
  }
}

describe.skipIf(NATS_SERVER === null)(
  `a race on NATS${NATS_SERVER === null ? " (skipped: no nats-server)" : ""}`,
  () => {
    let nats: NatsServer;
    let client: SweepServer;

    beforeAll(async () => {
      nats = await new NatsServer(base).start();
      client = await SweepServer.connect(nats.url, { name: "test", signal: new AbortController().signal });
    });
    afterAll(async () => {
      await client.close();
      await nats.kill();
    });

    test("a worker that is stopped gives its cell back at once, not when its lease ends", async () => {
      const file = writeModuleSweep("list:\n  - { backtest.seed: 2 }\n");
      const { id } = await submit(file, nats.url);
      const out = join(base, "stopped");
      const worker = startWorker(nats.url, out);
      await hasBegun(out);
      process.kill(-worker.pid, "SIGINT");
      expect((await endOf(worker)).code).toBe(130);
      const start = performance.now();
      const runs = [await take(client, id), await take(client, id)];
      expect(performance.now() - start).toBeLessThan(5000);
      for (const run of runs) await run.done();
    });

    test("a cell that the server gives again to the worker that runs it is run once", async () => {
      // The other cell ends while the worker is frozen, whose leases lapse.
      const file = writeModuleSweep("list:\n  - { backtest.end: 2018-03-10 }\n");
      await submit(file, nats.url);
      const out = join(base, "twice");
      const worker = startWorker(nats.url, out, { jobs: 2 });
      await hasBegun(out);
      process.kill(worker.pid, "SIGSTOP");
      await Bun.sleep(11_500);
      process.kill(worker.pid, "SIGCONT");
      const { code, ran, stderr } = await endOf(worker);
      expect({ code, ran, stderr }).toEqual({ code: 0, ran: 2, stderr: expect.not.stringContaining("error") });
      expect((JSON.parse(await collect(file, nats.url)) as { failed: unknown[] }).failed).toEqual([]);
    });

    test("a failure is still known if a sweep is submitted again before its message is gone", async () => {
      const { file } = writeSweep(base, "list:\n  - { backtest.seed: 3 }\n");
      const { id } = await submit(file, nats.url);
      const runs = [await take(client, id), await take(client, id)];
      for (const { run } of runs) await client.replace(SHARED.results, failureName(run), encodeFailure("no luck"));
      expect((await submit(file, nats.url)).left).toBe(2);
      for (const run of runs) await run.done();
      const { code, stdout } = await runScript("sweep.ts", ["collect", file, "--nats", nats.url, "--json"]);
      const { failed } = JSON.parse(stdout) as { failed: { error: string }[] };
      expect([code, failed.map(({ error }) => error)]).toEqual([1, ["no luck", "no luck"]]);
    });

    test("the error of a cell names its files as sweep run names them", async () => {
      const throwing = "export const vote = () => { throw new Error(`no luck in ${import.meta.path}`); };\n";
      const file = writeModuleSweep("list:\n  - { backtest.seed: 5 }\n", throwing);
      await submit(file, nats.url);
      await endOf(startWorker(nats.url, join(base, "named")));
      const { stdout } = await runScript("sweep.ts", ["collect", file, "--nats", nats.url, "--json"]);
      expect(stdout).toContain("no luck in own.ts");
      const here = await runScript("sweep.ts", ["run", file, "--out", join(base, "here"), "--json"]);
      expect(stdout).toBe(here.stdout);
    });

    test("a server that is away is no reason to wait after Ctrl-C", async () => {
      const line = new Line(nats.port);
      const { file } = writeSweep(base, "list:\n  - { backtest.seed: 6 }\n");
      const stop = new AbortController();
      const server = await SweepServer.connect(await line.open(), { name: "test", signal: stop.signal });
      await submit(file, nats.url);
      line.cut();
      const reading = server.queues();
      await Bun.sleep(200);
      const start = performance.now();
      stop.abort(new Error("stopped"));
      await expect(reading).rejects.toThrow("stopped");
      await server.close();
      expect(performance.now() - start).toBeLessThan(5000);
      line.close();
      await endOf(startWorker(nats.url, join(base, "last")));
    });

    test("a damaged object is refused at once", async () => {
      const bytes = new TextEncoder().encode("a file");
      await client.replace(SHARED.files, "name", bytes);
      await expect(client.read(SHARED.files, "name", { maxBytes: 5 })).rejects.toThrow("found a larger object");
      expect(await client.read(SHARED.files, "name", { maxBytes: 6 })).toEqual(bytes);
    });
  },
);
