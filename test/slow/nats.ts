/** Sweeps over a real NATS server, whose workers, server and lines fail. Needs `nats-server` on the PATH. `bun run test:slow` */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missingForMount, mountAt, unmountAt } from "../faults/disk.ts";
import { someVote, startModelServer } from "../providers/recorded/model-server.ts";
import { PROJECT_DIR, seeded } from "../samples.ts";
import { runScript } from "../scripts/run-script.ts";
import { BASE, writeSweep } from "../sweep/sweep-samples.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { Line, NATS_SERVER, NatsServer } from "./support/nats-server.ts";
import { collect, endOf, killAll, startWorker, submit } from "./support/nats-sweeps.ts";
import { IS_SAMPLE } from "./support/sample.ts";

setDefaultTimeout(600_000);

const KILLS = IS_SAMPLE ? 6 : 20;
const CELLS = 10 * KILLS;
const sample = (cells: number, seed = 1): string =>
  `sample: { cells: ${cells}, seed: ${seed}, from: { portfolio_memory.learning_rate: { min: 0.01, max: 1 } } }\n`;

const base = temporaryFolder("nats");
const random = seeded(Date.now());

/** What `sweep run` prints, without a server. */
async function runHere(file: string, out: string): Promise<string> {
  const { code, stdout } = await runScript("sweep.ts", ["run", file, "--out", out, "--keep", "summary", "--json"]);
  expect(code).toBe(0);
  return stdout;
}

describe.skipIf(NATS_SERVER === null)(
  `a sweep on NATS${NATS_SERVER === null ? " (skipped: no nats-server)" : ""}`,
  () => {
    let server: NatsServer;
    let folders = 0;
    const newFolder = (): string => join(base, `worker-${++folders}`);
    const { file } = NATS_SERVER === null ? { file: "" } : writeSweep(base, sample(CELLS));
    let whole = "";

    beforeAll(async () => {
      server = await new NatsServer(base).start();
      whole = await runHere(file, join(base, "here"));
    });
    afterAll(() => server.kill());

    test("workers that are killed lose no cell and make none twice, and the result is that of sweep run", async () => {
      expect((await submit(file, server.url)).left).toBe(CELLS + 1);
      // What is in the queue is not queued again.
      expect((await submit(file, server.url)).left).toBe(CELLS + 1);
      let workers = [startWorker(server.url, newFolder()), startWorker(server.url, newFolder())];
      for (let kills = 0; kills < KILLS; kills++) {
        await Bun.sleep(300 + 700 * random());
        const victim = workers[Math.floor(random() * workers.length)]!;
        if (victim.exitCode !== null) break;
        killAll(victim);
        await victim.exited;
        workers = workers.map((each) => (each === victim ? startWorker(server.url, newFolder()) : each));
      }
      for (const worker of workers) expect((await endOf(worker)).code).toBe(0);
      expect(await collect(file, server.url)).toBe(whole);
      expect((await submit(file, server.url)).left).toBe(0);
    });

    test("a server that is killed and started again is waited for", async () => {
      const { file: other } = writeSweep(base, sample(40, 2));
      await submit(other, server.url);
      const worker = startWorker(server.url, newFolder());
      await Bun.sleep(2500);
      await server.kill();
      await Bun.sleep(1500);
      await server.start();
      const { code, stderr } = await endOf(worker);
      expect([code, stderr]).toEqual([0, expect.not.stringContaining("bug in Carryover")]);
      expect(await collect(other, server.url)).toBe(await runHere(other, newFolder()));
    });

    test("a line that is cut and healed is waited for", async () => {
      const line = new Line(server.port);
      const url = await line.open();
      const { file: other } = writeSweep(base, sample(40, 3));
      await submit(other, url);
      const worker = startWorker(url, newFolder());
      await Bun.sleep(2500);
      line.cut();
      await Bun.sleep(3000);
      line.heal();
      expect((await endOf(worker)).code).toBe(0);
      line.close();
      expect(await collect(other, server.url)).toBe(await runHere(other, newFolder()));
    });

    test("the late result of a worker that was frozen beyond its lease is the same, and is accepted once", async () => {
      const config = `${BASE}providers: [{ name: own, type: module, path: own.ts }]\n`;
      const { file: other, dir: home } = writeSweep(base, "list:\n  - { backtest.seed: 4 }\n", config);
      // Its first cell does not end before it is frozen.
      const isFrozen = join(home, "is-frozen");
      writeFileSync(
        join(home, "own.ts"),
        `import { existsSync } from "node:fs";
        export async function vote() {
          while (!existsSync(${JSON.stringify(isFrozen)})) await new Promise((resolve) => setTimeout(resolve, 10));
          return { action: "BUY", confidence: 60 };
        }`,
      );
      await submit(other, server.url);
      const frozen = startWorker(server.url, newFolder());
      // It has a cell when its folder has a plan.
      const dir = join(base, `worker-${folders}`);
      while (!existsSync(dir) || readdirSync(dir).length === 0) await Bun.sleep(10);
      process.kill(-frozen.pid, "SIGSTOP");
      writeFileSync(isFrozen, "");
      const second = startWorker(server.url, newFolder());
      const { code, ran } = await endOf(second);
      expect([code, ran]).toEqual([0, 2]);
      process.kill(-frozen.pid, "SIGCONT");
      expect((await endOf(frozen)).code).toBe(0);
      expect(await collect(other, server.url)).toBe(await runHere(other, newFolder()));
    });

    test("two sweeps at once share workers, and what is the same run in both", async () => {
      const files = [writeSweep(base, sample(10, 5)).file, writeSweep(base, `${sample(10, 5)}`).file];
      const more = writeSweep(base, sample(12, 6)).file;
      const first = await submit(files[0]!, server.url);
      // The same sweep from another folder is the same.
      expect(await submit(files[1]!, server.url)).toEqual(first);
      await submit(more, server.url);
      const workers = [startWorker(server.url, newFolder()), startWorker(server.url, newFolder())];
      const ends = await Promise.all(workers.map(endOf));
      expect(ends.map(({ code }) => code)).toEqual([0, 0]);
      // 11 and 13 runs; the default, which was run by an earlier test, and the same in both, is not run again.
      expect(ends.reduce((sum, { ran }) => sum + ran, 0)).toBe(22);
      expect(await collect(more, server.url)).toBe(await runHere(more, newFolder()));
      expect(await collect(files[0]!, server.url)).toBe(await runHere(files[0]!, newFolder()));
    });

    test("a question to a model is paid once by all workers", async () => {
      const models = startModelServer(async (request) => {
        await Bun.sleep(5);
        return someVote(request);
      });
      const config = `${BASE}providers: [{ name: m, type: llm, model: m, base_url: "${models.openaiUrl}" }]\n`;
      const { file: asking } = writeSweep(
        base,
        "grid: { backtest.initial_balance: [1000, 2000, 3000, 4000] }\n",
        config,
      );
      await submit(asking, server.url);
      const workers = Array.from({ length: 3 }, () => startWorker(server.url, newFolder()));
      const ends = await Promise.all(workers.map(endOf));
      expect(ends.map(({ code }) => code)).toEqual([0, 0, 0]);
      const { failed } = JSON.parse(await collect(asking, server.url)) as { failed: unknown[] };
      expect(failed).toEqual([]);
      expect(models.answered.size).toBeGreaterThan(50);
      expect([...models.answered.values()].filter((times) => times !== 1)).toEqual([]);
      await models.stop();
    });

    test("a cell that fails is named, and submit queues it again", async () => {
      const config = `${BASE}providers: [{ name: own, type: module, path: own.ts }]\n`;
      const { file: failing, dir } = writeSweep(base, "list:\n  - { backtest.seed: 2 }\n", config);
      writeFileSync(join(dir, "own.ts"), 'export const vote = () => { throw new Error("no votes today"); };\n');
      await submit(failing, server.url);
      const { code, stderr } = await endOf(startWorker(server.url, newFolder()));
      expect([code, stderr]).toEqual([1, expect.stringContaining("no votes today")]);
      const { code: collected, stdout } = await runScript("sweep.ts", [
        "collect",
        failing,
        "--nats",
        server.url,
        "--json",
      ]);
      expect(collected).toBe(1);
      expect((JSON.parse(stdout) as { failed: { cell: number }[] }).failed.map(({ cell }) => cell)).toEqual([0, 1]);
      expect((await submit(failing, server.url)).left).toBe(2);
      // Nothing is left behind.
      await endOf(startWorker(server.url, newFolder()));
    });

    test("a worker of another version is refused by name", async () => {
      const { file: other } = writeSweep(base, sample(2, 8));
      await submit(other, server.url);
      const project = mkdtempSync(join(base, "project-"));
      for (const name of ["lib", "scripts", "package.json", "config.yaml"])
        cpSync(join(PROJECT_DIR, name), join(project, name), { recursive: true });
      symlinkSync(join(PROJECT_DIR, "node_modules"), join(project, "node_modules"));
      writeFileSync(join(project, "lib/version.ts"), 'export const VERSION = "99.0.0";\n');
      const { code, stderr } = await endOf(startWorker(server.url, newFolder(), { project }));
      expect([code, stderr]).toEqual([
        3,
        expect.stringMatching(/found cells of carryover .*, expected version 99\.0\.0/),
      ]);
      expect((await endOf(startWorker(server.url, newFolder()))).code).toBe(0);
    });

    const missing = missingForMount("tmpfs");
    const mount = mkdtempSync(join(tmpdir(), "carryover-nats-disk-"));
    afterAll(() => unmountAt(mount));
    test.skipIf(missing !== undefined)("a full disk stops its worker, and its cells go to another", async () => {
      await mountAt(mount, ["-t", "tmpfs", "-o", "size=64k,nr_inodes=8", "none"]);
      const { file: other } = writeSweep(base, sample(8, 9));
      await submit(other, server.url);
      const full = await endOf(startWorker(server.url, join(mount, "out")));
      expect([full.code, full.stderr]).toEqual([
        1,
        expect.stringContaining("expected free space and inodes on the disk"),
      ]);
      expect((await endOf(startWorker(server.url, newFolder()))).code).toBe(0);
      expect(await collect(other, server.url)).toBe(await runHere(other, newFolder()));
    });

    test("nothing is left in any queue", async () => {
      const { code, stdout } = await endOf(startWorker(server.url, newFolder()));
      expect([code, stdout]).toEqual([0, expect.stringContaining('"ran":0')]);
    });
  },
);

describe.skipIf(NATS_SERVER === null)("a NATS server that is not as expected", () => {
  test("wrong credentials, no server and no JetStream are told apart, and no password is shown", async () => {
    const { file } = writeSweep(base, sample(1));
    const locked = await new NatsServer(base, ["--user", "me", "--pass", "s3cret"]).start();
    const wrong = await runScript("sweep.ts", ["submit", file, "--nats", locked.url.replace("//", "//me:wr0ng@")]);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("a user, token or context")]);
    expect(wrong.stderr).not.toContain("wr0ng");
    expect(
      (await runScript("sweep.ts", ["submit", file, "--nats", locked.url.replace("//", "//me:s3cret@")])).code,
    ).toBe(0);
    await locked.kill();
    const gone = await runScript("sweep.ts", ["submit", file, "--nats", locked.url]);
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining("Cannot reach the NATS server")]);
  });

  test("a sweep that was not submitted cannot be collected", async () => {
    const server = await new NatsServer(base).start();
    const { file } = writeSweep(base, sample(1));
    const { code, stderr } = await runScript("sweep.ts", ["collect", file, "--nats", server.url]);
    expect([code, stderr]).toEqual([3, expect.stringContaining("submit it first")]);
    await server.kill();
  });
});
