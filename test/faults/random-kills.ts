/** Row 46: every command, killed at random moments. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seeded } from "../samples.ts";
import { filesOf } from "../scripts/run-script.ts";
import { type Command, COMMANDS, commandOf, copyWork, makeWork, perform, start } from "./commands.ts";
import type { Fault } from "./fault.ts";

/** CI sets fewer. */
const KILLS = Number(process.env["CARRYOVER_KILLS"] ?? 1000);

/** What an undisturbed command takes and leaves. */
interface Undisturbed {
  /** On a machine that gets busier, commands that were measured before would only be killed while they start. */
  ms: number;
  readonly memory: Readonly<Record<string, string>>;
}

const memoryOf = (work: string): Record<string, string> => filesOf(join(work, "memory/synthetic"));

async function performOrThrow(command: Command, work: string): Promise<void> {
  const { code, stderr } = await perform(command, work);
  if (code !== 0) throw new Error(`"${command.name}" ended with ${code}: ${stderr}`);
}

async function undisturbed(command: Command, work: string): Promise<Undisturbed> {
  const startedMs = performance.now();
  await performOrThrow(command, work);
  return { ms: performance.now() - startedMs, memory: memoryOf(work) };
}

/** What is wrong with a folder after a kill, before anything heals it. */
function lostSince(before: Readonly<Record<string, string>>, work: string): readonly string[] {
  const after = memoryOf(work);
  return Object.keys(before).filter((name) => /^(?:outcome_|runs\/)/.test(name) && after[name] !== before[name]);
}

/** What the next command that writes does not heal. Vectors and their sidecar may belong to different moments until then. */
async function damageIn(work: string): Promise<readonly object[]> {
  const { script, args } = commandOf("check");
  const { stdout, stderr } = await perform({ script, args: [...args, "--json"] }, work);
  if (!stdout.startsWith("{")) throw new Error(`"check" said nothing: ${stderr}`);
  const { findings } = JSON.parse(stdout) as { findings: readonly { readonly heals_itself: boolean }[] };
  return findings.filter((finding) => !finding.heals_itself);
}

/** Kills a command at a random moment, runs it again, and compares. Returns whether it was killed before it ended. */
async function killOnce(command: Command, at: { work: string; ms: number; whole: Undisturbed }): Promise<boolean> {
  const { work, ms, whole } = at;
  const before = memoryOf(work);
  const child = start(command, work);
  const timer = setTimeout(() => child.kill("SIGKILL"), ms);
  await child.exited;
  clearTimeout(timer);
  const wasKilled = child.signalCode === "SIGKILL";
  const when = `"${command.name}", killed after ${ms.toFixed(0)} ms`;
  const lost = lostSince(before, work);
  if (lost.length > 0) throw new Error(`${when}, lost or changed ${lost.join(", ")}`);
  const damage = await damageIn(work);
  if (damage.length > 0) throw new Error(`${when}, left damage: ${JSON.stringify(damage)}`);
  // What a restore or merge finished before the kill is whole, and in the way of a second one.
  for (const made of ["restored", "merged"])
    if (existsSync(join(work, made))) rmSync(join(work, made), { recursive: true });
  const startedMs = performance.now();
  await performOrThrow(command, work);
  // The second run may have less to do.
  whole.ms = Math.max(performance.now() - startedMs, 0.9 * whole.ms);
  const after = memoryOf(work);
  const wrong = [...new Set([...Object.keys(after), ...Object.keys(whole.memory)])].filter(
    (name) => after[name] !== whole.memory[name],
  );
  if (wrong.length > 0) throw new Error(`${when} and run again, ended in other bytes: ${wrong.join(", ")}`);
  for (const name of ["check", "verify"]) await performOrThrow(commandOf(name), work);
  const left = readdirSync(work, { recursive: true, encoding: "utf8" }).filter((name) => name.includes(".tmp-"));
  // What a killed backup left beside the backups is cleared by the next that makes or removes some.
  if (command.locks && left.length > 0) throw new Error(`${when} and run again, left ${left.join(", ")}`);
  return wasKilled;
}

async function inject(): ReturnType<Fault["inject"]> {
  const root = mkdtempSync(join(tmpdir(), "carryover-random-kills-"));
  try {
    const template = join(root, "template");
    await makeWork(template);
    const random = seeded(Number(process.env["CARRYOVER_SEED"] ?? 1));
    const wholes = new Map<Command, Undisturbed>();
    const killed = new Map<string, number>();
    for (const command of COMMANDS) {
      wholes.set(command, await undisturbed(command, copyWork(template, join(root, `whole-${command.name}`))));
    }
    for (let kills = 0; kills < KILLS;) {
      for (const [command, whole] of wholes) {
        if (kills >= KILLS) break;
        const work = copyWork(template, join(root, "work"));
        if (await killOnce(command, { work, ms: random() * whole.ms, whole })) {
          kills += 1;
          killed.set(command.name, (killed.get(command.name) ?? 0) + 1);
        }
        rmSync(work, { recursive: true });
      }
    }
    const counts = [...killed].map(([name, count]) => `${name} ${count}`).join(", ");
    return { injected: KILLS, found: `nothing lost, no damage, and the same bytes when run again: ${counts}` };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

export const randomKills: readonly Fault[] = [
  {
    rows: [46],
    name: "every command killed at random moments",
    how: "kill -9 of any command, at random",
    missing: () => (process.platform === "win32" ? "kill -9" : undefined),
    inject,
  },
];
