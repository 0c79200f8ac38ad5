/** Recorded answers of language models and programs that the workers of a NATS server share. */
import type { KV } from "@nats-io/kv";
import type { AnswerFiles, SharedAnswers } from "../../providers/recorded/question-claims.ts";
import { delay } from "../../util/async.ts";
import { SHARED } from "./names.ts";
import type { SweepServer } from "./server.node.ts";

/** A worker that asks and is silent for so long has died: another may ask. */
const CLAIM_MS = 30_000;
/** How often it is looked whether another worker has finished asking. */
const LOOK_MS = 200;

/** Opens the answers of a server. Every answer is kept there before it is used, and in this machine's folder. */
export async function openSharedAnswers(server: SweepServer): Promise<SharedAnswers> {
  const answers = await server.values(SHARED.answers);
  const questions = await server.values(SHARED.questions, { ttlMs: CLAIM_MS });
  return {
    over: (local) => sharedFiles(local, { server, answers }),
    claim: (key, signal) => claimQuestion(key, { server, questions, signal }),
  };
}

function sharedFiles(local: AnswerFiles, { server, answers }: { server: SweepServer; answers: KV }): AnswerFiles {
  return {
    list: () => local.list(),
    read: async (name, options) => {
      const own = await local.read(name, options);
      if (own !== undefined) return own;
      const shared = await server.valueOf(answers, name);
      if (shared === undefined) return undefined;
      await local.createOnce(name, shared);
      return local.read(name, options);
    },
    createOnce: async (name, bytes) => {
      if (await server.createValue(answers, name, bytes)) {
        await local.createOnce(name, bytes);
        return true;
      }
      // Another worker was first, or this one did not hear that it was.
      const first = await server.valueOf(answers, name);
      if (first !== undefined) await local.createOnce(name, first);
      return false;
    },
  };
}

async function claimQuestion(
  key: string,
  { server, questions, signal }: { server: SweepServer; questions: KV; signal: AbortSignal },
): Promise<() => Promise<void>> {
  const own = crypto.randomUUID();
  while (!(await server.createValue(questions, key, own)) && !(await isHeld(own))) await delay(LOOK_MS, signal);
  const beat = setInterval(() => void questions.put(key, own).catch(() => {}), CLAIM_MS / 3);
  return async () => {
    clearInterval(beat);
    // What stays ends by itself.
    await questions.delete(key).catch(() => {});
  };

  /** Whether the claim is this one's, whose creation was acknowledged to nobody. */
  async function isHeld(id: string): Promise<boolean> {
    const holder = await server.valueOf(questions, key);
    return holder !== undefined && new TextDecoder().decode(holder) === id;
  }
}
