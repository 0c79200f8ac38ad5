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
  readonly line: string;
  resolve(line: string): void;
  reject(error: Error): void;
}

type Child = ChildProcessByStdio<Writable, Readable, null>;

/**
 * Runs a program that answers lines. It starts with the first line and stays; one that ends, answers too late or writes
 * without end is killed and started again for the next. stderr is this process's own. It is the leader of a process
 * group, so that what it starts ends with it, and a Ctrl-C reaches it only through us; where this process is killed without a
 * chance to say so, its stdin closes.
 */
export function lineProgram(options: LineProgramOptions): LineProgram {
  const { name, timeoutMs, onNote } = options;
  const [program = "", ...args] = options.command;
  const waiting = new Map<number, Waiter>();
  let child: Child | undefined;
  let lastId = 0;
  let hasNoted = false;

  /** Ends the process, and tells those who wait for it. */
  const drop = (reason: Error): void => {
    const gone = child;
    child = undefined;
    if (gone !== undefined) kill(gone);
    const left = [...waiting.values()];
    waiting.clear();
    for (const { reject } of left) reject(reason);
  };

  const onLine = (line: string): void => {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      value = undefined;
    }
    const id = isRecord(value) ? value["id"] : undefined;
    const asked = typeof id === "number" ? waiting.get(id) : undefined;
    if (asked !== undefined && typeof id === "number") {
      waiting.delete(id);
      asked.resolve(line);
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
    started.on("exit", (code, signal) => {
      if (isCurrent()) drop(new ProgramFailure(`the program ended with ${signal ?? `exit code ${code}`}`));
    });
    // What the program says by ending is told by "exit".
    started.stdin.on("error", () => {});
    started.stdout.setEncoding("utf8");
    let rest = "";
    started.stdout.on("data", (text: string) => {
      if (!isCurrent()) return;
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) onLine(line);
      if (rest.length > MAX_LINE)
        drop(new ProgramFailure(`the program wrote a line of more than ${MAX_LINE} characters`));
    });
    return started;
  };

  /** Puts a question to the program, which is started where it is not there. */
  const put = (id: number, waiter: Waiter): void => {
    waiting.set(id, waiter);
    try {
      child ??= start();
      child.stdin.write(waiter.line);
    } catch (error) {
      drop(notStarted(error));
    }
  };

  /** Ends a program that is too late for one question, and puts the others to a new one. */
  const restartWithout = (id: number): void => {
    const late = waiting.get(id);
    waiting.delete(id);
    const others = [...waiting];
    waiting.clear();
    drop(new ProgramFailure("stopped"));
    late?.reject(new ProgramFailure(`no answer within ${timeoutMs / 1000} s; the program is started again`));
    for (const [otherId, other] of others) put(otherId, other);
  };

  return {
    exchange: (request, { giveUp }) =>
      new Promise((resolve, reject) => {
        giveUp.throwIfAborted();
        lastId += 1;
        const id = lastId;
        const timer = setTimeout(() => restartWithout(id), timeoutMs);
        const abandon = (): void => drop(new ProgramFailure("stopped"));
        giveUp.addEventListener("abort", abandon, { once: true });
        const settle = (): void => {
          clearTimeout(timer);
          giveUp.removeEventListener("abort", abandon);
        };
        const line = `${JSON.stringify({ id, ...request })}\n`;
        put(id, {
          line,
          resolve: (answer) => (settle(), resolve(answer)),
          reject: (error) => (settle(), reject(error)),
        });
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
