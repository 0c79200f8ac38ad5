/**
 * How many sentences are embedded per second: by the sentence model in WebAssembly, compared with Python's onnxruntime (one
 * thread each), and by the hashing embedder.
 *
 *     bun bench/embed.ts
 */
import { join } from "node:path";
import { hashingEmbedder } from "../lib/embed/hashing.ts";
import { loadEmbedder } from "../lib/embed/load.node.ts";
import { SituationTracker } from "../lib/market/situation.ts";
import { SYNTHETIC_START, syntheticBars } from "../lib/market/synthetic.ts";
import { describeSituation } from "../lib/memory/description.ts";
import { HAS_MODEL, MODEL_DIR } from "../test/samples.ts";
import { asMs, elapsed, median, renderReport, takeTurns, type BenchReport, type BenchRow } from "./support/measure.ts";
import { missingFor, python } from "./support/python.ts";
import { HOUR_MS } from "../lib/util/time.ts";

const TITLE = "Sentences to vectors";

export async function embed(options: { rounds?: number; sentences?: number } = {}): Promise<BenchReport> {
  const { rounds = 21, sentences: count = 20 } = options;
  if (!HAS_MODEL) {
    const row = { what: "a sentence by the model", ours: "skipped: the sentence model (CARRYOVER_MODEL_DIR)" };
    return { title: TITLE, notes: ["One sentence a call."], rows: [row] };
  }
  const sentences = situationSentences(count);
  const hashing = hashingEmbedder();
  const model = await loadEmbedder({ embedder: "onnx", model_dir: MODEL_DIR });
  let first = new Float32Array();
  const cold = await elapsed(async () => {
    first = Float32Array.from(await model.embed(sentences[0] ?? ""));
  });

  const missing = missingFor(["numpy", "onnxruntime", "tokenizers"]);
  const peer = missing === undefined ? startPeer() : undefined;
  let cosine = Number.NaN;
  try {
    const times = await takeTurns(
      {
        ours: () =>
          elapsed(async () => {
            for (const sentence of sentences) await model.embed(sentence);
          }),
        peer: async () => {
          if (peer === undefined) return 0;
          const answer = await peer.embed(sentences);
          cosine = answer.first.reduce((sum, value, i) => sum + value * (first[i] ?? 0), 0);
          return answer.ms;
        },
        hashing: () =>
          elapsed(async () => {
            for (const sentence of sentences) await hashing.embed(sentence);
          }),
      },
      { rounds },
    );
    const each = (ms: number): string =>
      `${asMs(ms / count)} (${Math.round((1000 * count) / ms).toLocaleString("en")}/s)`;
    const ours = median(times.ours);
    const theirs = median(times.peer);
    const versusPeer: Partial<BenchRow> =
      missing === undefined
        ? { peer: each(theirs), ratio: (ours / theirs).toFixed(2) }
        : { peer: `skipped: ${missing}` };
    return {
      title: TITLE,
      notes: [
        `${count} sentences about situations, one per call, with the tokenizer; medians of ${rounds}, in turns. Ours: all-MiniLM-L6-v2 ` +
          "by onnxruntime-web, WebAssembly, one thread. The peer: the same files by Python's onnxruntime, native, one thread.",
        ...(missing === undefined
          ? [`Cosine of ours and the peer's vector of the first sentence: ${cosine.toFixed(4)}`]
          : []),
      ],
      rows: [
        { what: "a sentence by the model", ours: each(ours), ...versusPeer },
        { what: "the first sentence, which loads runtime and model", ours: asMs(cold) },
        { what: "a sentence by hashing", ours: each(median(times.hashing)) },
      ],
    };
  } finally {
    await peer?.stop();
  }
}

/** Sentences as memory embeds them, of every tenth bar. */
function situationSentences(count: number): string[] {
  const end = SYNTHETIC_START + (200 + 10 * count) * HOUR_MS;
  const { bars } = syntheticBars({ asset: "BTCUSD", timeframe: "1h", seed: 1, end });
  const tracker = new SituationTracker({ asset: "BTCUSD", timeframeMs: HOUR_MS });
  const sentences: string[] = [];
  bars.forEach((bar, i) => {
    tracker.add(bar);
    const situation = i >= 200 && i % 10 === 0 ? tracker.situation() : undefined;
    if (situation !== undefined) sentences.push(describeSituation(situation));
  });
  return sentences;
}

interface Peer {
  embed(sentences: readonly string[]): Promise<{ ms: number; first: readonly number[] }>;
  stop(): Promise<unknown>;
}

/** Starts the peer, which keeps its model loaded between rounds. */
function startPeer(): Peer {
  const script = join(import.meta.dir, "peers/embed_onnx.py");
  const child = Bun.spawn([python(), script, MODEL_DIR], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  return {
    embed: async (sentences) => {
      child.stdin.write(`${JSON.stringify(sentences)}\n`);
      await child.stdin.flush();
      let line = "";
      while (!line.endsWith("\n")) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`The peer ended with ${await child.exited}`);
        line += value;
      }
      return JSON.parse(line) as { ms: number; first: number[] };
    },
    stop: async () => {
      await child.stdin.end();
      return child.exited;
    },
  };
}

if (import.meta.main) console.log(renderReport(await embed()));
