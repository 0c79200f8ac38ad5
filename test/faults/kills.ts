/** Rows 1, 4, 22, 28 and 33: SIGKILL at every system call that changes something, and again during the recovery. */
import { filesOf } from "../scripts/run-script.ts";
import { assertAgainEnds, assertSame, undisturbed } from "./again.ts";
import type { Fault } from "./fault.ts";
import { acknowledgedIn, at, sampleOf, withScene } from "./injection.ts";
import { operations, type Operation } from "./operations.ts";
import { isRepeatable, look, recover } from "./recovery.ts";
import { isChange, missingStrace } from "./strace.ts";

const ROWS: Readonly<Record<string, readonly number[]>> = {
  "a run of two chunks": [1, 22],
  restore: [1, 28],
  "record of answers": [1, 33],
  "record of answers at once": [1, 33],
};
/** How many calls of an operation, and then of its recovery, are killed for row 4. */
const FIRST_KILLS = 9;
const SECOND_KILLS = 4;

function killFault(operation: Operation): Fault {
  return {
    rows: ROWS[operation.name] ?? [1],
    name: `${operation.name}, killed at every system call that changes something`,
    how: "SIGKILL at the nth system call (strace)",
    missing: missingStrace,
    inject: () =>
      withScene(operation, async (scene) => {
        const whole = await undisturbed(scene);
        const changes = whole.calls.filter(isChange);
        for (const call of changes) {
          await at(call, "killed", async () => {
            const work = scene.copy();
            const injection = { call, among: whole.calls, does: "signal=KILL" } as const;
            const killed = await scene.child("perform", work, injection);
            await look(work, scene.start);
            await assertAgainEnds(scene, work, whole);
            await operation.check(work, acknowledgedIn(killed));
            scene.drop(work);
          });
        }
        const again = isRepeatable(operation) ? ", the same operation then ends in the bytes of one never killed" : "";
        const found = `everything acknowledged is there, nothing is partial, readers work, the next start heals${again}`;
        return { injected: changes.length, found };
      }),
  };
}

function killAgainFault(operation: Operation): Fault {
  return {
    rows: [4],
    name: `${operation.name}, killed, and killed again during the recovery`,
    how: "SIGKILL at the nth system call of the recovery (strace)",
    missing: missingStrace,
    inject: () =>
      withScene(operation, async (scene) => {
        const { calls } = await undisturbed(scene);
        let injected = 0;
        for (const call of sampleOf(calls.filter(isChange), FIRST_KILLS)) {
          await at(call, "killed", async () => {
            const crashed = scene.copy();
            await scene.child("perform", crashed, { call, among: calls, does: "signal=KILL" });
            const healed = scene.copy(crashed);
            const recovery = await scene.child("recover", healed);
            if (recovery.code !== 0) throw new Error(`the recovery failed: ${recovery.stderr}`);
            const expected = filesOf(healed);
            for (const second of sampleOf(recovery.calls.filter(isChange), SECOND_KILLS)) {
              await at(second, "then killed", async () => {
                const work = scene.copy(crashed);
                const injection = { call: second, among: recovery.calls, does: "signal=KILL" } as const;
                await scene.child("recover", work, injection);
                await look(work, scene.start);
                await recover(operation, work);
                assertSame(work, expected, "a recovery that was not killed");
                scene.drop(work);
                injected += 1;
              });
            }
            scene.drop(crashed, healed);
          });
        }
        return { injected, found: "the next recovery ends in the bytes of one that was not killed" };
      }),
  };
}

// The recovery of a backup is the next backup, which is another operation.
const healing = operations.filter(({ name }) => !["backup", "first backup"].includes(name));

export const kills: readonly Fault[] = [...operations.map(killFault), ...healing.map(killAgainFault)];
