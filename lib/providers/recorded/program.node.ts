import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { CarryoverError, messageOf } from "../../errors.ts";
import { isRecord } from "../../util/json.ts";
import { ProgramFailure, type LineProgram } from "./command.ts";
import { questionQueue, type Waiter } from "./question-queue.ts";

/** A longer line is no vote. */
const MAX_LINE = 1 << 20;

/** How long a program may take to end after its stdin was closed. */
const GRACE_MS = 1000;

/** How long nothing may come from a program that has ended before it is taken to have said its last word. */
const QUIET_MS = 100;

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

type Child = ChildProcessByStdio<Writable, Readable, null>;

/**
 * Runs a program that answers lines. It starts with the first line and stays; one that ends, answers too late or writes
 * without end is killed and started again for the next. stderr is this process's own. It is the leader of a process
 * group, so that what it starts ends with it, and a Ctrl-C reaches it only through us; where this process is killed without a
 * chance to say so, its stdin closes.
 */
export function lineProgram(options: LineProgramOptions): LineProgram {
  const { name, onNote } = options;
  const [program = "", ...args] = options.command;
  let child: Child | undefined;
  let lastId = 0;
  let hasNoted = false;

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
      if (isCurrent()) queue.drop(notStarted(error));
    });
    let heard = 0;
    started.on("exit", (code, signal) => {
      if (!isCurrent()) return;
      kill(started);
      const failure = new ProgramFailure(`the program ended with ${signal ?? `exit code ${code}`}`);
      const fail = (): void => {
        if (isCurrent()) queue.fail(failure);
      };
      // Its last words may still be in its stdout, which is not closed while somebody has it whom the program sent away.
      started.on("close", fail);
      void untilQuiet(() => heard).then(fail);
    });
    // That nobody reads it any more is said by its end.
    started.stdin.on("error", () => {});
    started.stdout.setEncoding("utf8");
    let rest = "";
    started.stdout.on("data", (text: string) => {
      if (!isCurrent()) return;
      heard += text.length;
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      // An answer may be the one after which this program is done with.
      for (const line of lines) if (isCurrent()) onLine(line);
      if (isCurrent() && rest.length > MAX_LINE)
        queue.fail(new ProgramFailure(`the program wrote a line of more than ${MAX_LINE} characters`));
    });
    return started;
  };

  const write = (line: string): void => {
    try {
      child ??= start();
      child.stdin.write(line);
    } catch (error) {
      throw notStarted(error);
    }
  };
  const stop = (): void => {
    const gone = child;
    child = undefined;
    if (gone !== undefined) end(gone);
  };
  const queue = questionQueue({ write, stop }, options);

  const onLine = (line: string): void => {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      value = undefined;
    }
    const id = isRecord(value) ? value["id"] : undefined;
    const answer = (asked: Waiter): void => {
      if (typeof id === "number") asked.resolve(line);
      else
        asked.reject(
          new ProgramFailure(`found the id ${JSON.stringify(id)} as a text, expected the number ${asked.id}`),
        );
    };
    const isAnswer = (typeof id === "number" || typeof id === "string") && queue.settle(Number(id), answer);
    if (!isAnswer && !hasNoted && line.trim() !== "") {
      hasNoted = true;
      onNote(
        `Provider "${name}" wrote a line that answers nothing, ${JSON.stringify(line.slice(0, 80))}: only answers with the "id" ` +
          `of a question belong on stdout`,
      );
    }
  };

  return {
    exchange: (request, { abort }) =>
      new Promise((resolve, reject) => {
        abort.throwIfAborted();
        lastId += 1;
        const abandon = (): void => queue.drop(new ProgramFailure("stopped"));
        abort.addEventListener("abort", abandon, { once: true });
        const settle = (): void => abort.removeEventListener("abort", abandon);
        queue.ask({
          id: lastId,
          line: `${JSON.stringify({ id: lastId, ...request })}\n`,
          resolve: (answer) => (settle(), resolve(answer)),
          reject: (error) => (settle(), reject(error)),
        });
      }),

    close: async () => {
      const last = child;
      child = undefined;
      if (last === undefined) return;
      if (last.exitCode === null && last.signalCode === null) {
        const ended = new Promise<void>((resolve) => last.once("exit", () => resolve()));
        last.stdin.end();
        const timer = setTimeout(() => kill(last), GRACE_MS);
        await ended;
        clearTimeout(timer);
      }
      // What it started may still be there.
      end(last);
    },
  };
}

/** Resolves when a count stands still. */
async function untilQuiet(count: () => number): Promise<void> {
  let before: number;
  do {
    before = count();
    await sleep(QUIET_MS);
    // Where this process was busy for so long, time is up before anything was read.
    await sleep(1);
  } while (count() !== before);
}

/** Kills a program and all that it started, and hears of none of them any more: one that left the group may hold stdout open. */
function end(child: Child): void {
  kill(child);
  child.stdout.destroy();
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
