/**
 * How much of a model server's throughput a run reaches, and how long a run with recorded answers takes.
 *
 *     bun bench/llm.ts
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_DIR } from "../test/samples.ts";
import {
  asMs,
  elapsed,
  median,
  renderReport,
  takeTurns,
  temporaryFolder,
  type BenchReport,
} from "./support/measure.ts";

const MODELS = ["trend", "reversion", "breakout"] as const;

const DECISIONS_PER_DAY = 6;

/** Questions of eight assets at one time. */
const AT_ONCE = 24;

export interface LlmOptions {
  readonly rounds?: number;
  /** Days of the runs that ask, and of the run that replays. */
  readonly days?: number;
  readonly cachedDays?: number;
  /** How the server answers. */
  readonly delayMs?: number;
  readonly atATime?: number;
}

export async function llm(options: LlmOptions = {}): Promise<BenchReport> {
  const { rounds = 3, days = 30, cachedDays = 366, delayMs = 50, atATime = 8 } = options;
  using folder = temporaryFolder();
  const work = folder.path;
  const slow = await startServer(delayMs, atATime);
  const fast = await startServer(0, AT_ONCE);
  try {
    const few = { assets: ["BTCUSD", "ETHUSD", "EURUSD"], days };
    const many = { assets: Array.from({ length: 8 }, (_, i) => `ASSET${i}`), days };
    const questionsOf = ({ assets, days: length }: typeof few): number =>
      assets.length * length * DECISIONS_PER_DAY * MODELS.length;
    let fresh = 0;
    const asking = (world: typeof few) => () => run(join(work, `ask-${fresh++}`), { ...world, url: slow.url });
    const times = await takeTurns(
      {
        plainFew: () => askPlainly(slow.url, { questions: questionsOf(few), atATime }),
        few: asking(few),
        plainMany: () => askPlainly(slow.url, { questions: questionsOf(many), atATime }),
        many: asking(many),
        atOnce: () => run(join(work, `ask-${fresh++}`), { ...many, url: fast.url }),
      },
      { rounds },
    );
    const finishedMs = await run(join(work, "ask-0"), { ...few, url: slow.url });

    const year = { assets: few.assets, days: cachedDays };
    const answers = join(work, "answers");
    await run(join(work, "prepare"), { ...year, url: fast.url, answers });
    const replay = await takeTurns(
      {
        rules: () => run(join(work, `rules-${fresh++}`), year),
        cached: () => run(join(work, `cached-${fresh++}`), { ...year, url: fast.url, answers }),
      },
      { rounds },
    );

    const share = (ours: readonly number[], plain: readonly number[]): number => median(plain) / median(ours);
    const rate = (world: typeof few, ms: readonly number[]): string =>
      `${((questionsOf(world) / median(ms)) * 1000).toFixed(0)} a second`;
    const shareRow = (
      what: string,
      world: typeof few,
      { ours, plain, least }: { ours: readonly number[]; plain: readonly number[]; least: number },
    ): BenchReport["rows"][number] => ({
      what,
      ours: rate(world, ours),
      peer: rate(world, plain),
      ratio: share(ours, plain).toFixed(2),
      goal: `at least ${least.toFixed(2)}`,
      met: share(ours, plain) >= least,
    });
    const ratio = median(replay.cached) / median(replay.rules);
    return {
      title: "Language models",
      notes: [
        `A server on the loopback that answers in ${delayMs} ms, ${atATime} at a time: at most ${((atATime * 1000) / Math.max(1, delayMs)).toFixed(0)} a second. Medians of ${rounds}, in turns.`,
        `Ours: run-chunks as a whole process, synthetic bars, ${MODELS.length} models; each answer is durable before it is used. Peer: a loop that asks the same server the same number of questions, ${atATime} at a time, and keeps nothing.`,
        "The questions of one decision time are asked at once, those of the next only after its orders. 9 questions at 8 at a time take two turns, the second nearly idle, so 0.56 is the most that is possible; 24 fill three turns.",
        `The year: ${year.assets.length} assets, ${cachedDays} days, models that vote like our rules, all answers recorded, against the rules themselves.`,
      ],
      rows: [
        shareRow(`${few.assets.length} assets, 9 questions at a time`, few, {
          ours: times.few,
          plain: times.plainFew,
          least: 0.54,
        }),
        shareRow(`${many.assets.length} assets, 24 questions at a time`, many, {
          ours: times.many,
          plain: times.plainMany,
          least: 0.9,
        }),
        {
          what: `${many.assets.length} assets, a server that answers at once, ${AT_ONCE} at a time`,
          ours: rate(many, times.atOnce),
          goal: "at least 400 a second",
          met: questionsOf(many) / median(times.atOnce) >= 0.4,
        },
        { what: "the first of these again, finished: its summary", ours: asMs(finishedMs) },
        {
          what: `a year from recorded answers, ${questionsOf(year)} questions`,
          ours: asMs(median(replay.cached)),
          peer: asMs(median(replay.rules)),
          ratio: ratio.toFixed(2),
          goal: "at most 2.00",
          met: ratio <= 2,
        },
      ],
    };
  } finally {
    await Promise.all([slow.stop(), fast.stop()]);
  }
}

interface ServerProcess {
  readonly url: string;
  stop(): Promise<void>;
}

async function startServer(delayMs: number, atATime: number): Promise<ServerProcess> {
  const script = join(PROJECT_DIR, "bench/processes/model-server.ts");
  const child = Bun.spawn([process.execPath, script, String(delayMs), String(atATime)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const { value } = await child.stdout.getReader().read();
  return {
    url: new TextDecoder().decode(value).trim(),
    stop: async () => {
      await child.stdin.end();
      await child.exited;
    },
  };
}

/** Runs the main job in a folder, with models at `url`, or else with rules. Returns milliseconds. */
async function run(
  folder: string,
  world: { assets: readonly string[]; days: number; url?: string; answers?: string },
): Promise<number> {
  mkdirSync(folder, { recursive: true });
  const end = new Date(Date.UTC(2024, 0, 1 + world.days)).toISOString().slice(0, 10);
  const providers = MODELS.map((name) =>
    world.url === undefined
      ? `  - { name: ${name}, type: ${name} }\n`
      : `  - { name: ${name}, type: llm, model: ${name}, base_url: "${world.url}", max_concurrency: 8, knowledge_cutoff: 2020-01-01 }\n`,
  );
  writeFileSync(
    join(folder, "config.yaml"),
    `memory: { dir: memory, answers_dir: ${world.answers ?? "answers"} }\n` +
      `backtest: { start: 2024-01-01, end: ${end}, assets: [${world.assets.join(", ")}], data_dir: synthetic }\n` +
      `providers:\n${providers.join("")}`,
  );
  // Not spawnSync, which would block this process for a minute.
  return elapsed(async () => {
    const child = Bun.spawn([process.execPath, join(PROJECT_DIR, "scripts", "run-chunks.ts"), "--json"], {
      cwd: folder,
      stdout: "ignore",
      stderr: "pipe",
    });
    const stderr = await new Response(child.stderr).text();
    if ((await child.exited) !== 0) throw new Error(stderr);
  });
}

/** Asks a server a number of questions, `atATime` at once. Returns milliseconds. */
async function askPlainly(
  url: string,
  { questions, atATime }: { questions: number; atATime: number },
): Promise<number> {
  const prompt = `{"asset": "BTCUSD"\n<data>\n{"asset":"BTCUSD","adx":30,"close":1,"ema_fast":1,"ema_slow":1}\n</data>\n${"x".repeat(1500)}`;
  const body = JSON.stringify({ model: "trend", messages: [{ role: "user", content: prompt }] });
  let left = questions;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await (await fetch(`${url}/chat/completions`, { method: "POST", body })).json();
  };
  return elapsed(() => Promise.all(Array.from({ length: atATime }, worker)));
}

if (import.meta.main) console.log(renderReport(await llm()));
