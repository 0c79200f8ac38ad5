import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { CarryoverError, messageOf } from "../errors.ts";
import { isRecord } from "../files/json-file.ts";
import { ProgramFailure, type LineProgram } from "../providers/command.ts";

/** A longer line is no vote. */
const MAX_LINE = 1 << 20;

/** How long a program may take to end after its stdin was closed. */
const GRACE_MS = 1000;

/** How a program is run. */
export interface LineProgramOptions {
  /** Names it in messages. */
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd: string;
  /** How long an answer may take. */
  readonly timeoutMs: number;
  /** Told of lines on stdout that are no answers. */
  readonly onNote: (note: string) => void;
}

/** Who waits for an answer, and to what. */
interface Waiter {
  readonly id: number;
  readonly line: string;
  resolve(line: string): void;
  reject(error: Error): void;
}

/** A question that was put to the program as it runs now. */
interface Put {
  readonly waiter: Waiter;
  readonly timer: ReturnType<typeof setTimeout>;
}

type Child = ChildProcessByStdio<Writable, Readable, null>;

/**
 * Runs a program that answers lines. It starts with the first line and stays; one that ends, answers too late or writes
 * without end is killed and started again for the next. Whose fault it is that it ends cannot be told from questions that
 * were put together: each of them is put once more, alone to a program that has just been started, and fails only where that
 * ends as well. So a question comes to the same whatever else was asked with it. stderr is this process's own. It is the leader of a process
 * group, so that what it starts ends with it, and a Ctrl-C reaches it only through us; where this process is killed without a
 * chance to say so, its stdin closes.
 */
export function lineProgram(options: LineProgramOptions): LineProgram {
  const { name, timeoutMs, onNote } = options;
  const [program = "", ...args] = options.command;
  /** Put and not answered. */
  const open = new Map<number, Put>();
  /** Those that are to be put alone, and the one that is. */
  let suspects: Waiter[] = [];
  let alone: Waiter | undefined;
  /** Those that came meanwhile. */
  let held: Waiter[] = [];
  let child: Child | undefined;
  let lastId = 0;
  let hasNoted = false;

  /** Ends the program. @returns Those that it has not answered, in the order in which they were put. */
  const stop = (): Waiter[] => {
    const gone = child;
    child = undefined;
    if (gone !== undefined) kill(gone);
    const left = [...open.values()];
    open.clear();
    return left.map(({ waiter, timer }) => (clearTimeout(timer), waiter));
  };

  /** Fails all that is asked. */
  const drop = (reason: Error): void => {
    const left = [...stop(), ...suspects, ...held];
    [suspects, held, alone] = [[], [], undefined];
    for (const { reject } of left) reject(reason);
  };

  /** Takes a question from those that are open. */
  const take = (id: number): Waiter | undefined => {
    const put = open.get(id);
    if (put === undefined) return undefined;
    clearTimeout(put.timer);
    open.delete(id);
    if (put.waiter === alone) alone = undefined;
    return put.waiter;
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

  /** The program is of no more use. */
  const fail = (reason: ProgramFailure): void => {
    const left = stop();
    if (alone === undefined) suspects.push(...left);
    else {
      alone = undefined;
      for (const { reject } of left) reject(reason);
    }
    proceed();
  };

  const onLine = (line: string): void => {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      value = undefined;
    }
    const id = isRecord(value) ? value["id"] : undefined;
    const asked = typeof id === "number" || typeof id === "string" ? take(Number(id)) : undefined;
    if (asked !== undefined) {
      if (typeof id === "number") asked.resolve(line);
      else
        asked.reject(
          new ProgramFailure(`found the id ${JSON.stringify(id)} as a text, expected the number ${asked.id}`),
        );
      proceed();
    } else if (!hasNoted && line.trim() !== "") {
      hasNoted = true;
      onNote(
        `Provider "${name}" wrote a line that answers nothing, ${JSON.stringify(line.slice(0, 80))}: only answers with the "id" ` +
          `of a question belong on stdout`,
      );
    }
  };

  const notStarted = (cause: unknown): CarryoverError =>
    new CarryoverError(
      "NOT_FOUND",
      `Cannot start provider "${name}": found ${messageOf(cause)}, expected a program "${program}" that can be run`,
      { cause },
    );

  const start = (): Child => {
    const started: Child = spawn(program, args, {
      cwd: options.cwd,
      detached: process.platform !== "win32",
      env: { ...process.env, PYTHONUNBUFFERED: "1" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    const isCurrent = (): boolean => child === started;
    started.on("error", (error) => {
      if (isCurrent()) drop(notStarted(error));
    });
    // What it started keeps its stdout open, where its last words may still be.
    started.on("exit", () => {
      if (isCurrent()) kill(started);
    });
    started.on("close", (code, signal) => {
      if (isCurrent()) fail(new ProgramFailure(`the program ended with ${signal ?? `exit code ${code}`}`));
    });
    // What the program says by ending is told by "exit".
    started.stdin.on("error", () => {});
    started.stdout.setEncoding("utf8");
    let rest = "";
    started.stdout.on("data", (text: string) => {
      if (!isCurrent()) return;
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      // An answer may be the one after which this program is done with.
      for (const line of lines) if (isCurrent()) onLine(line);
      if (isCurrent() && rest.length > MAX_LINE)
        fail(new ProgramFailure(`the program wrote a line of more than ${MAX_LINE} characters`));
    });
    return started;
  };

  /** Puts a question to the program, which is started where it is not there. */
  const put = (waiter: Waiter): void => {
    open.set(waiter.id, { waiter, timer: setTimeout(() => restartWithout(waiter.id), timeoutMs) });
    try {
      child ??= start();
      child.stdin.write(waiter.line);
    } catch (error) {
      drop(notStarted(error));
    }
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
    exchange: (request, { giveUp }) =>
      new Promise((resolve, reject) => {
        giveUp.throwIfAborted();
        lastId += 1;
        const abandon = (): void => drop(new ProgramFailure("stopped"));
        giveUp.addEventListener("abort", abandon, { once: true });
        const settle = (): void => giveUp.removeEventListener("abort", abandon);
        const waiter: Waiter = {
          id: lastId,
          line: `${JSON.stringify({ id: lastId, ...request })}\n`,
          resolve: (answer) => (settle(), resolve(answer)),
          reject: (error) => (settle(), reject(error)),
        };
        if (alone === undefined) put(waiter);
        else held.push(waiter);
      }),

    close: async () => {
      const last = child;
      child = undefined;
      if (last === undefined || last.exitCode !== null || last.signalCode !== null) return;
      const ended = new Promise<void>((resolve) => last.once("exit", () => resolve()));
      last.stdin.end();
      const timer = setTimeout(() => kill(last), GRACE_MS);
      await ended;
      clearTimeout(timer);
      // What it started may still be there.
      kill(last);
    },
  };
}

/** Kills a program and all that it started. */
function kill(child: Child): void {
  try {
    if (child.pid !== undefined && process.platform !== "win32") process.kill(-child.pid, "SIGKILL");
    else child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
}
