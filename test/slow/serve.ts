/** The server in a process of its own: killed at any moment, and played by a program from outside. */
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, setDefaultTimeout, test } from "bun:test";
import { toSettings } from "../../lib/config/config.ts";
import { loadConfig } from "../../lib/config/load.node.ts";
import { checkMemory } from "../../lib/maintenance/check.ts";
import { syntheticBars } from "../../lib/market/synthetic.ts";
import { readMemory } from "../../lib/memory/load.ts";
import { outcomeFileName } from "../../lib/memory/outcome.ts";
import { breakout, reversion, trend } from "../../lib/providers/rules.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { at, decisionsOf, runFresh } from "../backtest/world-samples.ts";
import { PROJECT_DIR, seeded } from "../samples.ts";
import { comparedOfRun, type Game, playLoop } from "../serve/loop-player.ts";
import { startServer } from "../serve/rpc-child.ts";
import { openSession, tradeOf } from "../serve/server-samples.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { ENGINES, isThere } from "./support/find-engines.ts";
import { IS_SAMPLE } from "./support/sample.ts";

setDefaultTimeout(600_000);

const base = temporaryFolder("serve");
const random = seeded(Date.now());

/** Kills of the server. */
const KILLS = IS_SAMPLE ? 8 : 25;

test(`${KILLS} kills of a server lose no answered trade, and leave nothing that is half written`, async () => {
  const memoryDir = join(base, "killed");
  const answered: string[] = [];
  let sent = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const server = startServer(memoryDir);
    // A live session goes on by itself.
    const session = await openSession(server, { mode: "live", start: undefined });
    const killed = new AbortController();
    const record = async (): Promise<void> => {
      while (!killed.signal.aborted) {
        const trade = { ...tradeOf(session, "2024-01-02", 105), decision_id: `trade-${++sent}` };
        const done = await server.call("record_outcome", trade).catch(() => undefined);
        if (done !== undefined) answered.push(done["decision_id"] as string);
      }
    };
    const recording = Promise.all([record(), record(), record(), record()]);
    await Bun.sleep(300 * random());
    server.kill();
    killed.abort();
    await recording;
    await server.end();
    const missing = answered.filter((id) => !existsSync(join(memoryDir, outcomeFileName(id))));
    expect(missing).toEqual([]);
  }
  const server = startServer(memoryDir);
  const session = await openSession(server, { mode: "live", start: undefined });
  const closed = await server.call("close_session", { session });
  expect(await server.end()).toBe(0);
  const storage = diskStorage(memoryDir);
  const { trades, damaged } = await readMemory(storage);
  expect(damaged).toEqual([]);
  expect(answered.length).toBeGreaterThan(KILLS);
  expect(trades.length).toBeGreaterThanOrEqual(answered.length);
  expect(closed).toMatchObject({ outcomes: trades.length });
  expect((await storage.list("runs")).folders).toHaveLength(1);
  expect((await checkMemory(storage)).findings).toEqual([]);
});

test("a program that plays a year over stdin gets the figures of the run, digit by digit", async () => {
  const { config } = await loadConfig(join(PROJECT_DIR, "config.yaml"));
  const settings = toSettings(config);
  const [startMs, endMs] = [at("2019-01-01"), at("2020-01-01")];
  const game: Game = {
    settings: settings.backtest,
    market: "synthetic",
    series: settings.backtest.assets.map((asset) => syntheticBars({ asset, timeframe: "1h", seed: 1, end: endMs })),
    rules: [trend(), reversion(), breakout()],
    period: { startMs, endMs },
  };
  const run = await runFresh({
    settings: game.settings,
    memorySettings: settings.memory,
    market: game.market,
    period: game.period,
    chunkKind: config.backtest.chunks,
    series: new Map(game.series.map((each) => [each.asset, each])),
    providers: game.rules,
  });
  const server = startServer(join(base, "played"));
  const played = await playLoop(game, server.call);
  expect(await server.end()).toBe(0);
  const chunks = ["2019Q1", "2019Q2", "2019Q3", "2019Q4"];
  const expected = (await Promise.all(chunks.map((chunk) => decisionsOf(run.storage, chunk)))).flat();
  expect(expected.length).toBeGreaterThan(6000);
  expect(played).toEqual(expected.map(comparedOfRun));
  expect(played.some(({ size_scale: scale }) => scale > 0.02 && scale < 1)).toBe(true);
});

for (const engine of ENGINES) {
  test.skipIf(!isThere(engine))(
    `over HTTP on ${engine.name}: who is silent is closed, and a signal ends it`,
    async () => {
      const args = ["--http", "127.0.0.1:0", "--memory-dir", join(base, `http-${engine.name}`)];
      const child = Bun.spawn([...engine.command, join(PROJECT_DIR, "scripts/serve.ts"), ...args], {
        env: { ...process.env, CARRYOVER_TOKEN: "a-token-of-tests" },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "inherit",
      });
      const { value } = await child.stdout.getReader().read();
      const url = new URL(/http:\S+/.exec(new TextDecoder().decode(value))![0]);
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "memory_stats" });
      const ask = async (token: string): Promise<Response> =>
        fetch(`${url}rpc`, { method: "POST", headers: { authorization: `Bearer ${token}` }, body });
      expect(((await (await ask("a-token-of-tests")).json()) as { result: object }).result).toMatchObject({
        outcomes: 0,
      });
      expect((await ask("another")).status).toBe(401);
      const head = `POST /rpc HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a-token-of-tests\r\nContent-Length: ${body.length}\r\n\r\n`;
      // Nothing, half a header, one that comes byte by byte, and half a header after an answer.
      const starts = ["", "GET /health HTTP/1.1\r\nHo", "", `${head}${body}GET /hea`];
      const closed = starts.map((start, i) => {
        const socket = connect(Number(url.port), "127.0.0.1", () => socket.write(start));
        const drip = i === 2 ? setInterval(() => socket.write("G"), 500) : undefined;
        return new Promise<void>((resolve) => {
          socket.on("data", () => {});
          socket.on("error", () => {});
          socket.on("close", () => resolve(clearInterval(drip)));
        });
      });
      const patience = Bun.sleep(30_000).then(() => "a connection stays open");
      expect(await Promise.race([Promise.all(closed).then(() => "all are closed"), patience])).toBe("all are closed");
      const begun = performance.now();
      child.kill("SIGTERM");
      expect(await child.exited).toBe(0);
      // Else it waits for the 10 s that a request may take.
      expect(performance.now() - begun).toBeLessThan(9000);
    },
  );
}
