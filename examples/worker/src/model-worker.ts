/**
 * The same worker with a language model in the ensemble. It is asked through `fetch`, and its answers are kept in R2, so that no
 * question is paid for twice. Its packages make the worker eight times as large.
 *
 *     POST /?asset=BTCUSD&timeframe=1h&start=2021-01-01&end=2021-02-01        CSV of bars
 */
import { type Bucket, type R2Binding, r2Bucket } from "carryover";
import { languageModel, recordAnswers } from "carryover/models";
import { answer, type Models, openFolder } from "./backtest.ts";

interface Environment {
  readonly MEMORY: R2Binding;
  /** A server that speaks OpenAI's protocol, such as `https://api.example.com/v1`, and the name of its model. */
  readonly MODEL_URL: string;
  readonly MODEL: string;
  /** `npx wrangler secret put MODEL_KEY` */
  readonly MODEL_KEY: string;
}

export default {
  async fetch(request: Request, environment: Environment): Promise<Response> {
    return answer(request, r2Bucket(environment.MEMORY), (bucket) => ask(bucket, environment, request.signal));
  },
};

async function ask(bucket: Bucket, { MODEL_URL, MODEL, MODEL_KEY }: Environment, signal: AbortSignal): Promise<Models> {
  const recording = recordAnswers(await openFolder(bucket, "answers"), { now: Date.now, signal });
  const model = await languageModel({ name: "model", model: MODEL, base_url: MODEL_URL }, recording, {
    fetch,
    apiKey: MODEL_KEY,
    now: Date.now,
  });
  const { begin: onStart, close, counts } = recording;
  return { providers: [model], onStart, close, asked: () => counts().asked };
}
