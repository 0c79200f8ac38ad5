import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CarryoverError } from "../../../lib/errors.ts";
import { LineProgram, ProgramFailure } from "../../../lib/providers/recorded/line-program.ts";
import { programEnvironment } from "../../../lib/providers/recorded/environment.node.ts";
import { startProgram } from "../../../lib/providers/recorded/program.node.ts";
import { PROJECT_DIR } from "../../samples.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const work = mkdtempSync(join(tmpdir(), "carryover-command-"));
afterAll(() => rmSync(work, { recursive: true }));

const NEVER = new AbortController().signal;
const RECORDED = join(PROJECT_DIR, "lib/providers/recorded");

let programs = 0;

/** Asks a command, which runs in the folder of these tests. */
function commandProgram(
  command: readonly string[],
  {
    timeoutMs = 20_000,
    notes = [],
    stderr = [],
    env = programEnvironment({}),
  }: {
    timeoutMs?: number;
    notes?: string[];
    stderr?: string[];
    env?: Record<string, string | undefined>;
  } = {},
): LineProgram {
  return new LineProgram({
    name: "mine",
    start: (events) =>
      startProgram(
        { config: { name: "mine", command }, cwd: work, env, onStderr: (line) => stderr.push(line) },
        events,
      ),
    timeoutMs,
    onNote: (note) => notes.push(note),
  });
}

/** Asks a program in JavaScript. `onLine` is its code for a question, with the parsed question `q` and `say()` to answer. */
function scriptProgram(
  onLine: string,
  options: Parameters<typeof commandProgram>[1] & { before?: string } = {},
): { mine: LineProgram; file: string } {
  const file = join(work, `program-${programs++}.mjs`);
  writeFileSync(
    file,
    `import { createInterface } from "node:readline";
     import { appendFileSync, writeFileSync } from "node:fs";
     appendFileSync(${JSON.stringify(`${file}.pids`)}, process.pid + "\\n");
     const say = (value) => process.stdout.write(JSON.stringify(value) + "\\n");
     ${options.before ?? ""}
     for await (const line of createInterface({ input: process.stdin })) { const q = JSON.parse(line); ${onLine} }`,
  );
  return { mine: commandProgram([process.execPath, file], options), file };
}

/** The ids of all processes that a script was started as. */
const pidsOf = (file: string): number[] => readFileSync(`${file}.pids`, "utf8").trim().split("\n").map(Number);

async function isGone(pid: number): Promise<boolean> {
  for (let i = 0; i < 200; i++) {
    try {
      process.kill(pid, 0);
      // A zombie that nobody has waited for is gone as well.
      if (existsSync(`/proc/${pid}/stat`) && / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))) return true;
    } catch {
      return true;
    }
    await Bun.sleep(25);
  }
  return false;
}

describe("a program that answers lines", () => {
  test("gets questions with ids of their own, answers in any order, and is one process for all", async () => {
    const { mine, file } = scriptProgram(`
      globalThis.held ??= [];
      held.push(q);
      if (held.length === 3) for (const { id, n } of held.reverse()) say({ id, n });`);
    const lines = await Promise.all([1, 2, 3].map((n) => mine.exchange({ n }, { abort: NEVER })));
    expect(lines.map((line) => (JSON.parse(line) as { n: number }).n)).toEqual([1, 2, 3]);
    expect(pidsOf(file)).toHaveLength(1);
    await mine.close();
    expect(await isGone(pidsOf(file)[0]!)).toBeTrue();
  });

  test("gets PYTHONUNBUFFERED, and its lines may come in pieces", async () => {
    const { mine } = scriptProgram(`
      const text = JSON.stringify({ id: q.id, unbuffered: process.env.PYTHONUNBUFFERED, text: "äöü✓".repeat(100) }) + "\\n";
      for (let i = 0; i < text.length; i += 50) { process.stdout.write(text.slice(i, i + 50)); await new Promise((r) => setTimeout(r, 1)); }`);
    expect(JSON.parse(await mine.exchange({}, { abort: NEVER }))).toEqual({
      id: 1,
      unbuffered: "1",
      text: "äöü✓".repeat(100),
    });
    await mine.close();
  });

  test("gets no key: of the environment it has what finds programs and files, and what env names", async () => {
    const mine = { OPENAI_API_KEY: "sk-0123456789", MY_SETTING: "a", MY_OTHER: "b", LC_TIME: "de_DE.UTF-8" };
    Object.assign(process.env, mine);
    try {
      const env = programEnvironment({ env: ["MY_SETTING", "MY_MISSING"] });
      const { mine: program } = scriptProgram("say({ id: q.id, env: process.env });", { env });
      const answer = JSON.parse(await program.exchange({}, { abort: NEVER })) as { env: Record<string, string> };
      await program.close();
      const { PATH, HOME } = process.env;
      expect(answer.env).toMatchObject({ PATH, HOME, LC_TIME: "de_DE.UTF-8", MY_SETTING: "a", PYTHONUNBUFFERED: "1" });
      for (const name of ["OPENAI_API_KEY", "MY_OTHER", "MY_MISSING"]) expect(answer.env).not.toHaveProperty(name);
    } finally {
      for (const name of Object.keys(mine)) delete process.env[name];
    }
  });

  test("may write to stderr, line by line or without end", async () => {
    const stderr: string[] = [];
    const { mine } = scriptProgram(
      'process.stderr.write("one\\ntwo, and 10 %\\r20 %\\r\\n" + "x".repeat(20000) + "\\nlast"); say({ id: q.id }); process.exit(0);',
      { stderr },
    );
    await mine.exchange({}, { abort: NEVER });
    for (let i = 0; i < 2000 && !stderr.includes("last"); i++) await Bun.sleep(10);
    expect(stderr.slice(0, 3)).toEqual(["one", "two, and 10 %", "20 %"]);
    expect(stderr.slice(3).join("")).toBe(`${"x".repeat(20000)}last`);
    await mine.close();
  });

  test("that is too late for one question is started again, and the others are sent to the new one, with their full time", async () => {
    const { mine, file } = scriptProgram(
      "if (q.n === 1) await new Promise(() => setTimeout(() => {}, 1e6)); say({ id: q.id, n: q.n });",
      { timeoutMs: 3000 },
    );
    const slow = mine.exchange({ n: 1 }, { abort: NEVER });
    const other = mine.exchange({ n: 2 }, { abort: NEVER });
    await expect(slow).rejects.toThrow("no answer within 3 s; the program is started again");
    expect(JSON.parse(await other)).toMatchObject({ n: 2 });
    expect(pidsOf(file)).toHaveLength(2);
    expect(await isGone(pidsOf(file)[0]!)).toBeTrue();
    await mine.close();
  });

  test("that ends is reported with its exit code, and started again for the next question", async () => {
    const { mine, file } = scriptProgram("if (q.n === 1) process.exit(7); say({ id: q.id });");
    const asked = mine.exchange({ n: 1 }, { abort: NEVER, hasAnswered: true });
    const failure = await asked.catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ProgramFailure);
    expect(String(failure)).toContain("the program ended with exit code 7");
    // The question was asked twice: it may not have caused the first crash.
    expect(pidsOf(file)).toHaveLength(2);
    expect(JSON.parse(await mine.exchange({ n: 2 }, { abort: NEVER }))).toEqual({ id: 2 });
    await mine.close();
  });

  test.each([[[13, 1, 2, 3]], [[1, 2, 13, 3]], [[1, 2, 3, 13]]])(
    "that ends at one question answers those that were asked with it, in whatever order: %j",
    async (order) => {
      const { mine } = scriptProgram(
        "if (q.n === 13) process.exit(7); await new Promise((r) => setTimeout(r, 20)); say({ id: q.id, n: q.n });",
      );
      const answers = order.map((n) => mine.exchange({ n }, { abort: NEVER }));
      // Questions that come during the retries wait for them.
      const [first] = await Promise.allSettled(answers.slice(0, 1));
      const later = mine.exchange({ n: 4 }, { abort: NEVER });
      const settled = await Promise.allSettled([...answers, later]);
      expect(first).toEqual(settled[0]!);
      const said = settled.map((each) =>
        each.status === "fulfilled" ? (JSON.parse(each.value) as { n: number }).n : String(each.reason),
      );
      expect(said).toEqual([...order.map((n) => (n === 13 ? "Error: the program ended with exit code 7" : n)), 4]);
      await mine.close();
    },
  );

  test("that ends after each answer answers all questions", async () => {
    const { mine } = scriptProgram("say({ id: q.id, n: q.n }); process.exit(0);");
    for (let n = 1; n <= 4; n++) expect(JSON.parse(await mine.exchange({ n }, { abort: NEVER }))).toMatchObject({ n });
    const lines = await Promise.all([5, 6, 7].map((n) => mine.exchange({ n }, { abort: NEVER })));
    expect(lines.map((line) => (JSON.parse(line) as { n: number }).n)).toEqual([5, 6, 7]);
    await mine.close();
  });

  const canLeave = Bun.which("setsid") !== null;
  describe.skipIf(!canLeave)(
    `and leaves a process behind, which ends with it and${canLeave ? "" : " (skipped: setsid is missing)"}`,
    () => {
      /** A program in sh that does `script` when a process of its own has left its group, and holds stdout open. */
      async function leaving(script: string, ask: (mine: LineProgram) => Promise<void>): Promise<void> {
        const left = mkdtempSync(join(work, "left-"));
        const leave = `setsid sh -c 'echo $$ > "$0"; exec sleep 3600' ${left}/$$ & until [ -s ${left}/$$ ]; do sleep 0.01; done`;
        const command = ["sh", "-c", `${leave}\nread -r line; ${script}`];
        const mine = commandProgram(command, { timeoutMs: 30_000 });
        try {
          await ask(mine);
        } finally {
          await mine.close();
          const pids = readdirSync(left).map((file) => Number(readFileSync(join(left, file), "utf8")));
          expect(pids.length).toBeGreaterThan(0);
          if (process.platform === "linux") for (const pid of pids) expect(await isGone(pid)).toBeTrue();
          else for (const pid of pids) process.kill(pid, "SIGKILL");
        }
      }

      test("is reported with its exit code, and not as too late", () =>
        leaving("exit 3", async (mine) => {
          const failure = await mine.exchange({}, { abort: NEVER }).catch((error: unknown) => error);
          expect(String(failure)).toContain("the program ended with exit code 3");
        }));

      test("is read to the end of its output", () =>
        leaving(`printf '{"id":1}\\n{"id":2,"n":'; printf '2}\\n'; exit 3`, async (mine) => {
          const answers = [1, 2].map(() => mine.exchange({}, { abort: NEVER }));
          expect(await Promise.all(answers)).toEqual(['{"id":1}', '{"id":2,"n":2}']);
        }));
    },
  );

  test("that repeats the id as a text fails at once", async () => {
    const { mine, file } = scriptProgram('say({ id: q.n === 1 ? String(q.id) : q.id, action: "BUY" });');
    await expect(mine.exchange({ n: 1 }, { abort: NEVER })).rejects.toThrow(
      'found the id "1" as a text, expected the number 1',
    );
    expect(JSON.parse(await mine.exchange({ n: 2 }, { abort: NEVER }))).toMatchObject({ id: 2 });
    expect(pidsOf(file)).toHaveLength(1);
    await mine.close();
  });

  test("may write lines that are no answers: they are ignored, and noted once", async () => {
    const notes: string[] = [];
    const { mine } = scriptProgram(
      'console.log("loading"); say({ id: 99 }); say(null); say({ id: "x" }); say({ id: "" }); say({ id: q.id });',
      {
        notes,
      },
    );
    await mine.exchange({}, { abort: NEVER });
    await mine.exchange({}, { abort: NEVER });
    expect(notes).toHaveLength(1);
    expect(notes[0]).toStartWith('Provider "mine" wrote a line that is no answer, "loading"');
    await mine.close();
  });

  test("that writes without end is killed", async () => {
    const { mine, file } = scriptProgram(
      'for (;;) if (!process.stdout.write("x".repeat(65536))) await new Promise((r) => process.stdout.once("drain", r));',
    );
    await expect(mine.exchange({}, { abort: NEVER })).rejects.toThrow("a line of more than 1048576 characters");
    await Bun.sleep(0);
    await mine.exchange({}, { abort: NEVER }).catch(() => {});
    for (const pid of pidsOf(file)) expect(await isGone(pid)).toBeTrue();
    await mine.close();
  });

  test("that is not there stops the run", async () => {
    const none = commandProgram(["./not-there"]);
    await expect(none.exchange({}, { abort: NEVER })).rejects.toThrow(
      /^Cannot start provider "mine": found .*ENOENT.*, expected a program ".\/not-there" that can be run/,
    );
    await Bun.sleep(50);
    await none.close();
  });

  test("that the system refuses to start stops the run as well", async () => {
    const none = commandProgram(["cat", "x".repeat(4 << 20)]);
    const failure = await none.exchange({}, { abort: NEVER }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CarryoverError);
    expect(String(failure)).toMatch(
      /Cannot start provider "mine": found .*E2BIG.*, expected a program "cat" that can be run/,
    );
    await none.close();
  });

  test("ends with everything that it started, although it ignores SIGTERM", async () => {
    const { mine, file } = scriptProgram("say({ id: q.id });", {
      before: `
        import { spawn } from "node:child_process";
        process.on("SIGTERM", () => {});
        const { pid } = spawn("sleep", ["1000"], { stdio: "ignore" });
        writeFileSync(${JSON.stringify(join(work, "grandchild"))}, String(pid));
        setInterval(() => {}, 1000);`,
    });
    await mine.exchange({}, { abort: NEVER });
    await mine.close();
    expect(await isGone(pidsOf(file)[0]!)).toBeTrue();
    expect(await isGone(Number(readFileSync(join(work, "grandchild"), "utf8")))).toBeTrue();
  });

  test("ends by itself if this process is killed", async () => {
    const { file } = scriptProgram("say({ id: q.id });");
    const parent = join(work, "parent.ts");
    writeFileSync(
      parent,
      `import { LineProgram } from ${JSON.stringify(join(RECORDED, "line-program.ts"))};
       import { programEnvironment } from "../../../lib/providers/recorded/environment.node.ts";
import { startProgram } from ${JSON.stringify(join(RECORDED, "program.node.ts"))};
       const config = { name: "mine", command: [process.execPath, ${JSON.stringify(file)}] };
       const program = { config, cwd: "/", env: process.env, onStderr() {} };
       const mine = new LineProgram({ name: "mine", start: (events) => startProgram(program, events), timeoutMs: 20000, onNote() {} });
       await mine.exchange({}, { abort: new AbortController().signal });
       console.log("answered");
       setInterval(() => {}, 1000);`,
    );
    const child = Bun.spawn([process.execPath, parent], { stdout: "pipe", stderr: "inherit" });
    await child.stdout.getReader().read();
    child.kill("SIGKILL");
    await child.exited;
    expect(await isGone(pidsOf(file)[0]!)).toBeTrue();
  });
});
