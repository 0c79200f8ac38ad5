/** Row 47: two commands at once in one folder. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seeded } from "../samples.ts";
import { resultOf, type ScriptResult } from "../scripts/run-script.ts";
import { type Command, commandOf, copyWork, makeWork, perform, start } from "./commands.ts";
import type { Fault } from "./fault.ts";

/** CI sets fewer. */
const ROUNDS = Number(process.env["CARRYOVER_ROUNDS"] ?? 20);

/** Commands that share files. */
const PAIRS = [
  ["create", "prune"],
  ["create", "create"],
  ["create", "restore"],
  ["prune", "verify"],
  ["prune", "restore"],
  ["run", "create"],
  ["run", "reset"],
  ["run", "rebuild"],
  ["run", "stats"],
  ["run", "check"],
  ["run", "recall"],
  ["reset", "rebuild"],
  ["reset", "check"],
  ["rebuild", "recall"],
  ["repair", "compare"],
  ["import", "create"],
  ["import", "check"],
] as const;

/** The second starts up to so much later than the first. */
const MAX_DELAY_MS = 60;

/** What is wrong with how a command ended, beside another. */
function wrongWith({ name, locks }: Command, { code, stdout, stderr }: ScriptResult): string | undefined {
  if (/damaged: "|is damaged|quarantine\//.test(stdout + stderr)) return `"${name}" found damage where there is none`;
  if (code === 0 || (locks && code === 5)) return undefined;
  return `"${name}" ended with ${code}`;
}

async function runPair(pair: readonly [Command, Command], work: string, delayMs: number): Promise<void> {
  const [first, second] = pair;
  const one = resultOf(start(first, work));
  await Bun.sleep(delayMs);
  const results = await Promise.all([one, resultOf(start(second, work))]);
  const said = results.map(({ stdout, stderr }) => stdout + stderr).join("\n");
  const wrong = results.map((result, i) => wrongWith(pair[i]!, result)).filter((text) => text !== undefined);
  if (results.every(({ code }) => code === 5)) wrong.push("both found the folder locked");
  for (const name of ["check", "verify"]) {
    const { code, stdout, stderr } = await perform(commandOf(name), work);
    if (code !== 0) wrong.push(`afterwards, "${name}" ended with ${code}: ${stdout}${stderr}`);
  }
  if (wrong.length > 0) {
    const names = `"${first.name}" and, ${delayMs.toFixed(0)} ms later, "${second.name}"`;
    throw new Error(`${names}: ${wrong.join("; ")}\n${said}`);
  }
}

async function inject(): ReturnType<Fault["inject"]> {
  const root = mkdtempSync(join(tmpdir(), "carryover-pairs-"));
  try {
    const template = join(root, "template");
    await makeWork(template);
    const random = seeded(Number(process.env["CARRYOVER_SEED"] ?? 1));
    for (let round = 0; round < ROUNDS; round++) {
      for (const names of PAIRS) {
        const [a, b] = names.map(commandOf) as [Command, Command];
        const work = copyWork(template, join(root, "work"));
        await runPair(round % 2 === 0 ? [a, b] : [b, a], work, random() * MAX_DELAY_MS);
        rmSync(work, { recursive: true });
      }
    }
    return {
      injected: ROUNDS * PAIRS.length,
      found: `${PAIRS.length} pairs, ${ROUNDS} times each: every command ended with 0, or with 5 where the other had the lock; no damage was reported or left`,
    };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

export const pairs: readonly Fault[] = [
  {
    rows: [37, 47],
    name: "pairs of commands at once in one folder",
    how: "processes of two commands",
    missing: () => undefined,
    inject,
  },
];
