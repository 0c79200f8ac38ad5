import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { SCRIPT, shell } from "./fixture-script.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

describe("runScript()", () => {
  test("writes all of 5 MB to a slow pipe", async () => {
    const { stdout, stderr } = await shell("$SCRIPT big | (sleep 0.3; wc -c)");
    // Five million characters inside {"text":"..."} and a newline.
    expect(stdout.trim()).toBe("5000012");
    expect(stderr).toBe("the script came to its end\n");
  });

  test("writes all of a thousand answers to a slow pipe", async () => {
    const { stdout, stderr } = await shell("$SCRIPT answers | (sleep 0.3; wc -c)");
    expect([stdout.trim(), stderr]).toEqual(["5000000", "the script came to its end\n"]);
  });

  test.each(["big", "lines", "answers"])("ends quietly when the reader of %s closes the pipe", async (what) => {
    const { stdout, stderr } = await shell(`$SCRIPT ${what} | head -c 4; echo " \${PIPESTATUS[0]}"`);
    expect(stdout).toMatch(/^.{4} 0\n$/s);
    expect(stderr).toBe("");
  });

  test("ends quietly with stdout closed, and with stderr closed", async () => {
    expect(await shell("$SCRIPT big >&-")).toMatchObject({ code: 0, stderr: "the script came to its end\n" });
    expect(await shell("$SCRIPT speak 2>&-")).toEqual({ code: 4, stdout: "a result\n", stderr: "" });
  });

  test("writes only the result to stdout, and exits with the code that main returns", async () => {
    expect(await shell("$SCRIPT speak")).toEqual({
      code: 4,
      stdout: "a result\n",
      stderr: "a note\nwarning: a warning\n",
    });
  });

  test.each([
    ["BAD_USAGE", 2],
    ["BAD_CONFIG", 2],
    ["BAD_OUTCOME", 2],
    ["NOT_FOUND", 3],
    ["BAD_DATA", 4],
    ["CORRUPT", 4],
    ["CONFLICT", 4],
    ["LOCKED", 5],
    ["READ_ONLY", 1],
    ["IO", 1],
  ])("writes each problem of %s on a line of stderr and exits with %i", async (code, exit) => {
    expect(await shell(`$SCRIPT fail ${code}`)).toEqual({
      code: exit,
      stdout: "",
      stderr:
        "error: Cannot do this: found one thing\nerror: Cannot do that: found another\n  caused by: the disk is on fire\n",
    });
  });

  test("reports an unexpected failure as a bug, with its stack", async () => {
    const { code, stderr } = await shell("$SCRIPT bug");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^TypeError: undefined is not a function\n +at .*script\.ts/);
    expect(stderr).toContain("error: This is a bug in Carryover");
  });

  test("says in one line that the current folder was removed", async () => {
    const line = 'cd "$(mktemp -d)" && rmdir "$PWD" && $SCRIPT speak';
    const stderr =
      "error: Cannot start: found a current folder that was removed, expected one that exists: cd to it, then run again\n";
    expect(await shell(line)).toEqual({ code: 3, stdout: "", stderr });
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("aborts main on %s and exits with %i", async (signal, exit) => {
    const child = Bun.spawn([process.execPath, SCRIPT, "wait"], { stderr: "pipe" });
    await child.stderr.getReader().read();
    child.kill(signal);
    expect(await child.exited).toBe(exit);
    expect(child.signalCode).toBeNull();
  });

  test("a main that finishes although a signal came has done its work, and exits with 0", async () => {
    const child = Bun.spawn([process.execPath, SCRIPT, "finish"], { stdout: "pipe", stderr: "pipe" });
    await child.stderr.getReader().read();
    child.kill("SIGINT");
    expect(await new Response(child.stdout).text()).toBe("the result\n");
    expect(await child.exited).toBe(0);
  });

  test("JSON has no character that a terminal obeys, and the same value", async () => {
    const { stdout } = await shell("$SCRIPT hostile");
    expect(stdout).toBe('{"text":"a\\u009b31mb\\u007fc\\u202ed\\u0085e\\u001b[2J"}\n');
    expect(JSON.parse(stdout)).toEqual({ text: "a\u009B31mb\u007Fc\u202Ed\u0085e\u001B[2J" });
  });

  test("a second Ctrl-C kills at once", async () => {
    const child = Bun.spawn([process.execPath, SCRIPT, "deaf"], { stderr: "pipe" });
    try {
      const reader = child.stderr.getReader();
      await reader.read();
      child.kill("SIGINT");
      expect(new TextDecoder().decode((await reader.read()).value)).toBe("asked to stop\n");
      child.kill("SIGINT");
      await child.exited;
      expect(child.signalCode).toBe("SIGINT");
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("prints help on stdout", async () => {
    const { code, stdout, stderr } = await shell("$SCRIPT --help --no-such-flag=1");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toBe(
      [
        "Does what its first argument says.",
        "",
        "Usage:",
        "  bun script.ts WHAT [flags]",
        "",
        "Flags:",
        "  --config FILE     configuration (default: ./config.yaml, else the project's)",
        "  --set KEY=VALUE   a key of the configuration, such as",
        "                    portfolio_memory.learning_rate=0.2 (repeatable)",
        "  --memory-dir DIR  memory folder (default: memory.dir of the configuration)",
        "  --json            print the result as JSON",
        "  --number N        a number, which is explained in a sentence that is too long",
        "                    for one line",
        "  --help            show this help",
        "",
        "Example:",
        "  bun script.ts big --json",
        "",
        "Exit codes:",
        "  0 success, 1 bug or I/O failure, 2 usage or configuration,",
        "  3 something is missing, 4 damaged data, 5 locked by another process,",
        "  130 interrupted, 143 terminated",
        "",
      ].join("\n"),
    );
  });
});
