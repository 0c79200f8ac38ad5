import { ProgramFailure } from "./command.ts";

/** Who waits for an answer, and to what. */
export interface Waiter {
  readonly id: number;
  readonly line: string;
  resolve(line: string): void;
  reject(reason: unknown): void;
}

/** What answers. */
export interface Answerer {
  /** Writes a line to the program, which is started where it is not there. Throws what stops the run where it can't be. */
  write(line: string): void;
  /** Ends the program, if there is one. */
  stop(): void;
}

/** The questions that wait for an answer of a program. */
export interface QuestionQueue {
  ask(waiter: Waiter): void;
  /** Hands who asked to `answer`. @returns Whether such a question was open. */
  settle(id: number, answer: (waiter: Waiter) => void): boolean;
  /** The program that runs is of no more use. */
  fail(reason: ProgramFailure): void;
  /** Fails all that is asked. */
  drop(reason: unknown): void;
}

/** A question that was put to the program as it runs now. */
interface Put {
  readonly waiter: Waiter;
  readonly timer: ReturnType<typeof setTimeout>;
}

/**
 * Puts questions to a program that answers lines, each with all of its time, however it waited before. Whose fault it is that the
 * program ends cannot be told from questions that were put together: each of them is put once more, alone to a program that has
 * just been started, and fails only where that ends as well. So a question comes to the same whatever else was asked with it.
 */
export function questionQueue(program: Answerer, { timeoutMs }: { timeoutMs: number }): QuestionQueue {
  /** Put and not answered. */
  const open = new Map<number, Put>();
  /** Those that are to be put alone, and the one that is. */
  let suspects: Waiter[] = [];
  let alone: Waiter | undefined;
  /** Those that came meanwhile. */
  let held: Waiter[] = [];

  /** Ends the program. @returns Those that it has not answered, in the order in which they were put. */
  const stop = (): Waiter[] => {
    program.stop();
    const left = [...open.values()];
    open.clear();
    return left.map(({ waiter, timer }) => (clearTimeout(timer), waiter));
  };

  const drop = (reason: unknown): void => {
    const left = [...stop(), ...suspects, ...held];
    [suspects, held, alone] = [[], [], undefined];
    for (const { reject } of left) reject(reason);
  };

  const put = (waiter: Waiter): void => {
    open.set(waiter.id, { waiter, timer: setTimeout(() => restartWithout(waiter.id), timeoutMs) });
    try {
      program.write(waiter.line);
    } catch (error) {
      drop(error);
    }
  };

  /** Takes a question from those that are open. */
  const take = (id: number): Waiter | undefined => {
    const asked = open.get(id);
    if (asked === undefined) return undefined;
    clearTimeout(asked.timer);
    open.delete(id);
    if (asked.waiter === alone) alone = undefined;
    return asked.waiter;
  };

  /** Puts what waits for its turn. */
  const proceed = (): void => {
    if (alone !== undefined) return;
    alone = suspects.shift();
    if (alone !== undefined) {
      stop();
      put(alone);
      return;
    }
    const next = held;
    held = [];
    next.forEach(put);
  };

  /** Ends a program that is too late for one question, and puts the others to a new one. */
  const restartWithout = (id: number): void => {
    const late = take(id);
    const others = stop();
    late?.reject(new ProgramFailure(`no answer within ${timeoutMs / 1000} s; the program is started again`));
    others.forEach(put);
    proceed();
  };

  return {
    ask: (waiter) => {
      if (alone === undefined) put(waiter);
      else held.push(waiter);
    },
    settle: (id, answer) => {
      const asked = take(id);
      if (asked === undefined) return false;
      answer(asked);
      proceed();
      return true;
    },
    fail: (reason) => {
      const left = stop();
      if (alone === undefined) suspects.push(...left);
      else {
        alone = undefined;
        for (const { reject } of left) reject(reason);
      }
      proceed();
    },
    drop,
  };
}
