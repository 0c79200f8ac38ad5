/** Recording answers as an operation, and syncs that can be traced. */
import { createHash } from "node:crypto";
import fs from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { type Question, type ReceivedAnswer, withKey } from "../../lib/providers/recorded/answer-file.ts";
import { AnswerStore } from "../../lib/providers/recorded/recordings.ts";
import { settleAll } from "../../lib/util/async.ts";
import { filesOf } from "../scripts/run-script.ts";
import type { Operation } from "./operations.ts";

const ASKED: readonly (readonly [Question, ReceivedAnswer])[] = [1, 2, 3].map((n) => [
  { provider: "llama", request: { prompt: `question ${n}` }, refresh: 0 },
  {
    vote: { action: "BUY", confidence: n },
    // More than a page, so that only a part of it may reach the disk.
    raw: ["x".repeat(9000)],
    tokens: { input: 700, output: n },
    cost_usd: n / 100,
    asked_at: "2021-01-01T00:00:00.000Z",
    took_ms: n,
    run_id: "c".repeat(64),
  },
]);

const nameOf = async (question: Question): Promise<string> => `answers/${withKey(question).key}.json`;

/** Records answers in a new folder, one after the other. */
export const recordAnswers: Operation = {
  name: "record of answers",
  prepare: async () => {},
  perform: async (work, acknowledge) => {
    const store = new AnswerStore(diskStorage(join(work, "answers")), { onNote: refuse });
    for (const [question, answer] of ASKED) {
      await store.keep(question, answer);
      acknowledge(await nameOf(question));
    }
  },
  check: checkAnswers,
};

/** Records answers in a new folder that all arrive at the same time. */
export const recordAnswersAtOnce: Operation = {
  ...recordAnswers,
  name: "record of answers at once",
  perform: async (work, acknowledge) => {
    const store = new AnswerStore(diskStorage(join(work, "answers")), { onNote: refuse });
    await settleAll(
      ASKED.map(async ([question, answer]) => {
        await store.keep(question, answer);
        acknowledge(await nameOf(question));
      }),
    );
  },
};

async function checkAnswers(work: string, acknowledged: readonly string[]): Promise<void> {
  const before = filesOf(work);
  for (const name of acknowledged) {
    if (before[name] === undefined) throw new Error(`${name} was acknowledged and is missing`);
  }
  const store = new AnswerStore(diskStorage(join(work, "answers")), { onNote: refuse });
  for (const [question, answer] of ASKED) {
    const kept = await store.keep(question, answer);
    if (!isDeepStrictEqual({ ...kept, ...question, ...answer }, kept)) throw new Error("another answer was recorded");
  }
  const after = filesOf(work);
  const names = await Promise.all(ASKED.map(([question]) => nameOf(question)));
  const found = Object.keys(after).filter((name) => !name.startsWith("answers/.tmp-"));
  if (!isDeepStrictEqual(found, names.toSorted())) throw new Error(`found ${found.join(", ")}`);
  for (const name of names) {
    if ((before[name] ?? after[name]) !== after[name]) throw new Error(`${name} was written again`);
  }
}

function refuse(note: string): never {
  throw new Error(`partial under a final name: ${note}`);
}

/**
 * Makes this thread do what other threads would do, so that its calls can be counted: they are the same in every run. It hears of
 * the end of a sync later, when it has begun all the others that it can.
 */
export function useOneThread(): void {
  const fsync = (fd: number, done: fs.NoParamCallback): void => {
    let failure: NodeJS.ErrnoException | null = null;
    try {
      fs.fsyncSync(fd);
    } catch (error) {
      failure = error as NodeJS.ErrnoException;
    }
    setImmediate(() => done(failure));
  };
  Object.assign(fs, { fsync });
  crypto.subtle.digest = async (_algorithm, data) =>
    createHash("sha256")
      .update(new Uint8Array(data as ArrayBuffer))
      .digest().buffer;
}
