import fs from "node:fs";
import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { CommandConfig } from "../../config/config.ts";
import { messageOf } from "../../errors.ts";
import { notAProgram } from "./environment.node.ts";
import { ProgramFailure, type ProgramEvents, type ProgramProcess } from "./line-program.ts";

/** Characters of a line. No vote is longer. */
const MAX_LINE = 1 << 20;

/** Characters of stderr that are passed on although their line has no end yet. */
const MAX_STDERR_LINE = 8192;

/** How long a program may take to end after its stdin was closed. */
const GRACE_MS = 1000;

/** How long stdout of a program that ended must be silent before its output counts as complete. */
const QUIET_MS = 100;

/** What is started. */
interface ProgramCommand {
  readonly config: Pick<CommandConfig, "name" | "command">;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Gets each line that it writes to stderr, a long one in parts. */
  readonly onStderr: (line: string) => void;
}

/** The variable by which the processes are known that a program started, whatever group they are in. */
const MARK = "CARRYOVER_PROGRAM";

/**
 * Starts a program. It leads a process group of its own: what it starts ends with it, and a Ctrl-C reaches it only through us. On
 * Linux that includes what left the group, unless it cleared its environment. If this process is killed, its stdin closes.
 *
 * @throws {CarryoverError} `NOT_FOUND`, also given to `onStartError` if the system reports it later.
 */
export function startProgram(options: ProgramCommand, events: ProgramEvents): ProgramProcess {
  const { config, cwd, env, onStderr } = options;
  const [program = "", ...args] = config.command;
  const notStarted = (cause: unknown): Error => notAProgram(config, messageOf(cause), cause);
  const mark = `${MARK}=${crypto.randomUUID()}`;
  try {
    const child = spawn(program, args, {
      cwd,
      detached: process.platform !== "win32",
      env: { ...env, [MARK]: mark.slice(MARK.length + 1) },
      stdio: ["pipe", "pipe", "pipe"],
    });
    passOn(child.stderr, onStderr);
    return new Child(child, mark, { ...events, onStartError: (cause) => events.onStartError(notStarted(cause)) });
  } catch (cause) {
    throw notStarted(cause);
  }
}

/** Passes on what a program writes to stderr. */
function passOn(stderr: Readable, onStderr: (line: string) => void): void {
  let rest = "";
  stderr.setEncoding("utf8");
  stderr.on("data", (text: string) => {
    // Progress lines end with a carriage return.
    const lines = (rest + text).split(/\r?\n|\r/);
    rest = lines.pop() ?? "";
    if (rest.length > MAX_STDERR_LINE) {
      lines.push(rest);
      rest = "";
    }
    lines.forEach(onStderr);
  });
  stderr.on("close", () => {
    if (rest !== "") onStderr(rest);
  });
}

/** Kills the processes that have a variable in their environment, where the system shows it. */
function killMarked(mark: string): void {
  if (process.platform !== "linux") return;
  for (const pid of fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (fs.readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(mark))
        process.kill(Number(pid), "SIGKILL");
    } catch {
      // It has ended, or is somebody else's.
    }
  }
}

class Child implements ProgramProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #mark: string;
  readonly #events: ProgramEvents;
  /** After this no event is passed on. */
  #isOver = false;
  /** The start of a line that is not complete yet. */
  #rest = "";
  #charactersRead = 0;

  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>, mark: string, events: ProgramEvents) {
    this.#child = child;
    this.#mark = mark;
    this.#events = events;
    child.on("error", (error) => {
      if (!this.#isOver) events.onStartError(error);
    });
    child.on("exit", (code, signal) => void this.#onExit(signal ?? `exit code ${code}`));
    // A write to a program that has ended is reported by its end.
    child.stdin.on("error", () => {});
    child.stdout.setEncoding("utf8");
    child.stdout.on("data", (text: string) => this.#onData(text));
  }

  write(line: string): void {
    this.#child.stdin.write(line);
  }

  kill(): void {
    this.#isOver = true;
    this.#killGroup();
    // A process that left the group may keep them open.
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
  }

  async close(): Promise<void> {
    this.#isOver = true;
    const child = this.#child;
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      child.stdin.end();
      const timer = setTimeout(() => this.#killGroup(), GRACE_MS);
      await ended;
      clearTimeout(timer);
    }
    // What it started may still be there.
    this.kill();
  }

  #onData(text: string): void {
    this.#charactersRead += text.length;
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      // A line before may have ended this program.
      if (this.#isOver) return;
      this.#events.onLine(line);
    }
    if (!this.#isOver && this.#rest.length > MAX_LINE)
      this.#events.onCrash(new ProgramFailure(`the program wrote a line of more than ${MAX_LINE} characters`));
  }

  /** Reports the end when all output was read. stdout may stay open: a process that left the group can hold it. */
  async #onExit(how: string): Promise<void> {
    if (this.#isOver) return;
    this.#killGroup();
    const closed = new Promise<void>((resolve) => this.#child.on("close", () => resolve()));
    await Promise.race([closed, this.#untilQuiet()]);
    if (!this.#isOver) this.#events.onCrash(new ProgramFailure(`the program ended with ${how}`));
  }

  async #untilQuiet(): Promise<void> {
    let before: number;
    do {
      before = this.#charactersRead;
      await sleep(QUIET_MS);
      // If this process was busy, the timer comes before the output that waits to be read.
      await sleep(1);
    } while (this.#charactersRead !== before);
  }

  #killGroup(): void {
    const { pid } = this.#child;
    try {
      if (pid !== undefined && process.platform !== "win32") process.kill(-pid, "SIGKILL");
      else this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    killMarked(this.#mark);
  }
}
