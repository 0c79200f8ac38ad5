import { describe, expect, test } from "bun:test";
import {
  LineProgram,
  ProgramFailure,
  type ProgramEvents,
  type ProgramProcess,
} from "../../../lib/providers/recorded/line-program.ts";

/** A program that only this test makes answer or crash. */
interface TestProgram {
  readonly program: LineProgram;
  /** The events of each process that was started, oldest first. */
  readonly started: ProgramEvents[];
  /** The ids that each process was asked. */
  readonly asked: number[][];
  /** Whether each process was killed. */
  readonly killed: boolean[];
}

function makeProgram(): TestProgram {
  const started: ProgramEvents[] = [];
  const asked: number[][] = [];
  const killed: boolean[] = [];
  const start = (events: ProgramEvents): ProgramProcess => {
    const n = started.push(events) - 1;
    asked.push([]);
    killed.push(false);
    return {
      write: (line) => void asked[n]!.push((JSON.parse(line) as { id: number }).id),
      kill: () => void (killed[n] = true),
      close: async () => {},
    };
  };
  return {
    program: new LineProgram({
      name: "mine",
      start,
      timeoutMs: 60_000,
      onNote: () => {},
      lastWords: () => "ModuleNotFoundError: No module named 'pandas'",
    }),
    started,
    asked,
    killed,
  };
}

const settle = (): Promise<void> => Bun.sleep(0);

/** The answer, or the message of what was thrown. */
const outcomeOf = (exchange: Promise<string>): Promise<string> =>
  exchange.catch((error: unknown) => (error as Error).message);

describe("after a crash", () => {
  test("the open questions are asked again one by one, each in a new process, and new questions wait", async () => {
    const { program, started, asked, killed } = makeProgram();
    const { signal: abort } = new AbortController();
    const first = [1, 2].map(() => outcomeOf(program.exchange({}, { abort })));
    started[0]!.onCrash(new ProgramFailure("crashed"));
    const third = program.exchange({}, { abort });
    await settle();
    expect(asked).toEqual([[1, 2], [1]]);
    started[1]!.onLine('{"id":1}');
    await settle();
    expect(asked).toEqual([[1, 2], [1], [2]]);
    started[2]!.onCrash(new ProgramFailure("crashed again"));
    await settle();
    expect(asked).toEqual([[1, 2], [1], [2], [3]]);
    started[3]!.onLine('{"id":3}');
    expect(await Promise.all(first)).toEqual(['{"id":1}', "crashed again"]);
    expect(await third).toBe('{"id":3}');
    expect(killed).toEqual([true, true, true, false]);
  });

  test("an abort ends the retries, and starts no further process", async () => {
    const { program, started, killed } = makeProgram();
    const controller = new AbortController();
    const ask = (): Promise<string> => outcomeOf(program.exchange({}, { abort: controller.signal }));
    const outcomes = [ask(), ask(), ask()];
    started[0]!.onCrash(new ProgramFailure("crashed"));
    outcomes.push(ask());
    await settle();
    controller.abort(new Error("stopped"));
    expect(await Promise.all(outcomes)).toEqual(["stopped", "stopped", "stopped", "stopped"]);
    await settle();
    expect(started).toHaveLength(2);
    expect(killed).toEqual([true, true]);
  });
});

test("an abort kills the program and rejects its open questions", async () => {
  const { program, started, killed } = makeProgram();
  const controller = new AbortController();
  const open = program.exchange({}, { abort: controller.signal });
  controller.abort(new Error("stopped"));
  await expect(open).rejects.toThrow("stopped");
  await expect(program.exchange({}, { abort: controller.signal })).rejects.toThrow("stopped");
  expect(started).toHaveLength(1);
  expect(killed).toEqual([true]);
});

test("an error when the program starts rejects the questions that wait for it, and the next question tries again", async () => {
  const { program, started } = makeProgram();
  const { signal: abort } = new AbortController();
  const open = [1, 2].map(() => outcomeOf(program.exchange({}, { abort })));
  started[0]!.onStartError(new Error("no such program"));
  expect(await Promise.all(open)).toEqual(["no such program", "no such program"]);
  const next = program.exchange({}, { abort });
  await settle();
  started[1]!.onLine('{"id":3}');
  expect(await next).toBe('{"id":3}');
});

test("an answer without an id fails the only open question at once, and of two it is noted", async () => {
  const { program, started } = makeProgram();
  const { signal: abort } = new AbortController();
  const first = outcomeOf(program.exchange({}, { abort }));
  started[0]!.onLine('{"warming":"up"}');
  started[0]!.onLine('{"action":"BUY"}');
  expect(await first).toBe(
    'found an answer without "id", "{\\"action\\":\\"BUY\\"}", expected the "id" of the question in it, 1',
  );
  const two = [2, 3].map(() => program.exchange({}, { abort }));
  started[0]!.onLine('{"action":"BUY"}');
  started[0]!.onLine('{"id":3}');
  started[0]!.onLine('{"id":2}');
  expect(await Promise.all(two)).toEqual(['{"id":2}', '{"id":3}']);
});

describe("a line that begins as an answer and is not JSON", () => {
  test("fails the only open question at once, and says that NaN is no JSON", async () => {
    const { program, started } = makeProgram();
    const { signal: abort } = new AbortController();
    const first = outcomeOf(program.exchange({}, { abort }));
    started[0]!.onLine("warming up");
    started[0]!.onLine('{"id": 1, "action": "BUY", "confidence": NaN}');
    expect(await first).toBe(
      'found NaN, which JSON does not have, in "{\\"id\\": 1, \\"action\\": \\"BUY\\", \\"confidence\\": NaN}", ' +
        'expected HOLD, or an "error"',
    );
    const second = outcomeOf(program.exchange({}, { abort }));
    started[0]!.onLine("{'id': 2}");
    expect(await second).toBe("found an answer that is not JSON, \"{'id': 2}\", expected one line of JSON");
  });

  test("of two open questions fails none, as nobody can tell which it answers", async () => {
    const { program, started } = makeProgram();
    const { signal: abort } = new AbortController();
    const two = [1, 2].map(() => program.exchange({}, { abort }));
    started[0]!.onLine('{"id": 1, "confidence": NaN}');
    for (const line of ['{"id":1}', '{"id":2}']) started[0]!.onLine(line);
    expect(await Promise.all(two)).toEqual(['{"id":1}', '{"id":2}']);
  });
});

describe("a program that crashes twice at its first question", () => {
  test("is unusable: no question is asked any more, and the message has its last line on stderr", async () => {
    const { program, started } = makeProgram();
    const { signal: abort } = new AbortController();
    const open = [outcomeOf(program.exchange({}, { abort }))];
    for (const n of [0, 1]) {
      started[n]!.onCrash(new ProgramFailure("the program ended with exit code 1"));
      await settle();
    }
    open.push(outcomeOf(program.exchange({}, { abort })));
    const message =
      'Cannot use provider "mine": found that the program ended with exit code 1 twice at its first question (its last ' +
      "line on stderr: ModuleNotFoundError: No module named 'pandas'), expected votes";
    expect(await Promise.all(open)).toEqual([message, message]);
    expect(started).toHaveLength(2);
  });

  test("only fails the question if answers of it are recorded, so that a run that resumes goes on", async () => {
    const { program, started } = makeProgram();
    const { signal: abort } = new AbortController();
    const open = outcomeOf(program.exchange({}, { abort, hasAnswered: true }));
    for (const n of [0, 1]) {
      started[n]!.onCrash(new ProgramFailure("crashed"));
      await settle();
    }
    expect(await open).toBe("crashed");
  });
});
