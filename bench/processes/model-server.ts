/**
 * A model server that answers AT_A_TIME requests at once, each after DELAY_MS. Its models have the names of our rules and vote
 * like them, so that a run with models trades as often as one with rules.
 *
 *     bun bench/processes/model-server.ts DELAY_MS AT_A_TIME
 *
 * Prints its base URL, and ends when its stdin does.
 */
import type { Answer, Situation } from "../../lib/types.ts";
import { RateLimiter } from "../../lib/providers/recorded/rate-limit.ts";
import { breakout, reversion, trend } from "../../lib/providers/rules.ts";
import type { Provider } from "../../lib/providers/provider.ts";
import { assetOf, startModelServer } from "../../test/providers/recorded/model-server.ts";
import { makeContext } from "../../test/providers/situation-samples.ts";

const MODELS: readonly Provider[] = [trend(), reversion(), breakout()];

const [delayMs = 0, atATime = 8] = process.argv.slice(2).map(Number);
const limiter = new RateLimiter({ concurrency: atATime, now: () => performance.now() });
const never = new AbortController().signal;
const server = startModelServer(({ model, turns }) =>
  limiter.run(
    async () => {
      if (delayMs > 0) await Bun.sleep(delayMs);
      const [prompt = ""] = turns;
      const situation = JSON.parse(/^<data>\n(.*)\n<\/data>$/m.exec(prompt)?.[1] ?? "{}") as Situation;
      const rule = MODELS.find(({ name }) => name === model) ?? MODELS[0];
      const vote = rule?.vote(situation, makeContext(0)) as Answer;
      const { action, confidence, reason = "" } = vote;
      return JSON.stringify({ asset: assetOf(prompt), action, confidence: Math.round(confidence), reason });
    },
    { signal: never },
  ),
);
console.log(server.openaiUrl);
for await (const _ of Bun.stdin.stream());
await server.stop();
