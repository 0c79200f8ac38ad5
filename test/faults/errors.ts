/** Rows 5 and 6: every system call fails once. */
import fs from "node:fs";
import { join } from "node:path";
import { assertAgainEnds, undisturbed, type Undisturbed } from "./again.ts";
import type { Fault } from "./fault.ts";
import { acknowledgedIn, at, withScene, type Scene } from "./injection.ts";
import { operations, type Operation } from "./operations.ts";
import { look } from "./recovery.ts";
import { isChange, missingStrace, type SystemCall, type Traced } from "./strace.ts";

/** The errors that each call may return. */
const ERRORS: Readonly<Record<string, readonly string[]>> = {
  openat: ["EMFILE", "EACCES", "EIO"],
  read: ["EIO"],
  pread64: ["EIO"],
  getdents64: ["EIO"],
  write: ["EIO", "ENOSPC"],
  pwrite64: ["EIO", "ENOSPC"],
  ftruncate: ["EIO", "ENOSPC"],
  fsync: ["EIO", "ENOSPC"],
  fdatasync: ["EIO", "ENOSPC"],
  rename: ["EIO", "ENOSPC", "EACCES"],
  link: ["EIO", "ENOSPC", "EACCES"],
  unlink: ["EIO", "EACCES"],
  unlinkat: ["EIO", "EACCES"],
  rmdir: ["EIO", "EACCES"],
  mkdir: ["EIO", "ENOSPC", "EACCES"],
  close: ["EIO"],
};

/** Operations with more calls than this consist of other operations, so their reads are not tried again. */
const LONG = 200;

const isSync = ({ name }: SystemCall): boolean => name === "fsync" || name === "fdatasync";

function errorFault(operation: Operation): Fault {
  return {
    rows: [6],
    name: `${operation.name}, with each call except syncs failing once`,
    how: "an error in place of the nth system call (strace)",
    missing: missingStrace,
    inject: () =>
      withScene(operation, async (scene) => {
        const whole = await undisturbed(scene);
        const isLong = whole.calls.length > LONG;
        const others = whole.calls.filter((call) => !isSync(call) && (isChange(call) || !isLong));
        const { injected, went } = await failEach(scene, whole, others);
        const counted = `${injected - went} times reported with file and cause, ${went} times the work was done all the same`;
        return { injected, found: `${counted}; old files are whole, the same operation then succeeds` };
      }),
  };
}

function syncFault(operation: Operation): Fault {
  return {
    rows: [5],
    name: `${operation.name}, with each sync failing once`,
    how: "an error in place of the nth fsync or fdatasync (strace)",
    missing: missingStrace,
    inject: () =>
      withScene(operation, async (scene) => {
        const whole = await undisturbed(scene);
        const { injected, went } = await failEach(scene, whole, whole.calls.filter(isSync));
        if (went > 0) throw new Error(`acknowledged ${went} times after a failed sync`);
        return {
          injected,
          found: "exit 1 naming the file, nothing named or synced again afterwards, the next start heals",
        };
      }),
  };
}

/** Lets each call fail once with each error. Returns how often, and how often the operation succeeded all the same. */
async function failEach(
  scene: Scene,
  whole: Undisturbed,
  calls: readonly SystemCall[],
): Promise<{ injected: number; went: number }> {
  let injected = 0;
  let went = 0;
  for (const call of calls) {
    const errors = ERRORS[call.name];
    if (errors === undefined) throw new Error(`ERRORS lacks "${call.name}"`);
    const all = call.what.includes("O_CREAT") ? [...errors, "ENOSPC"] : errors;
    // Changes fail with every error; reads, closes and long operations with one error each, in turn.
    const isThorough = isChange(call) && whole.calls.length <= LONG;
    for (const error of isThorough ? all : all.slice(call.nth % all.length).slice(0, 1)) {
      await at(call, error, async () => {
        const work = scene.copy();
        const result = await scene.child("perform", work, { call, among: whole.calls, does: `error=${error}` });
        if (result.code === 0) went += 1;
        assertTruthful(result, { call, error, work, whole });
        await look(work, scene.start);
        await assertAgainEnds(scene, work, whole);
        await scene.operation.check(work, acknowledgedIn(result));
        scene.drop(work);
        injected += 1;
      });
    }
  }
  return { injected, went };
}

function isTemporary(path: string): boolean {
  return /(^|\/)\.tmp-/.test(path);
}

/** Expects that all work is done, or that one line says what failed, where and why. */
function assertTruthful(
  result: Traced,
  fault: { call: SystemCall; error: string; work: string; whole: Undisturbed },
): void {
  const { call, error, work, whole } = fault;
  const { code, stderr, calls } = result;
  if (code === 0) {
    const done = acknowledgedIn(result);
    if (done.length < whole.acknowledged.length) throw new Error(`exit 0, but only ${done.join(", ")}`);
    return;
  }
  // SQLite reports the operating system's error of the lock in its own words.
  const isLock = call.paths.some((path) => path.endsWith("/.lock"));
  const isReported =
    stderr.startsWith("error: Cannot ") && stderr.includes(`"${work}`) && (isLock || stderr.includes(error));
  if (code !== 1 || !isReported || stderr.includes("    at ")) throw new Error(`exit ${code}: ${stderr}`);
  if (!isSync(call)) return;
  const later = calls.slice(calls.findIndex(({ name, nth }) => name === call.name && nth === call.nth) + 1);
  // Until the failure is known, the others of its group are synced and temporary files written for the next one.
  const isHarmless = (one: SystemCall): boolean =>
    ["unlink", "unlinkat", "rmdir"].includes(one.name) ||
    (one.what !== call.what && (isSync(one) || one.paths.every(isTemporary)));
  const change = later.find((one) => isChange(one) && !isHarmless(one));
  if (change !== undefined) throw new Error(`after a failed sync: ${change.what}`);
}

/** Row 5 again: a process that goes on writing after a failed sync. */
const goingOn: Fault = {
  rows: [5],
  name: "a process that goes on writing after each sync that failed once",
  how: "an error in place of the nth fsync or fdatasync (strace)",
  missing: missingStrace,
  inject: () =>
    withScene(operations.find(({ name }) => name === "record") as Operation, async (scene) => {
      const origin = scene.copy();
      const { calls, code, stderr } = await scene.child("insist", origin);
      if (code !== 0) throw new Error(`it fails without a fault: ${stderr}`);
      const syncs = calls.filter(isSync);
      for (const call of syncs) {
        await at(call, "EIO", async () => {
          const work = scene.copy();
          const result = await scene.child("insist", work, { call, among: calls, does: "error=EIO" });
          // A flush has nothing to write if nothing was recorded.
          const said = result.stdout
            .trimEnd()
            .split("\n")
            .filter((line) => line !== "ack flush");
          const refused = said.filter((line) => line.startsWith("refused "));
          const acknowledged = said.slice(0, said.length - refused.length);
          const expected = ["refused IO", ...refused.slice(1).map(() => "refused READ_ONLY")];
          if (
            refused.length < 2 ||
            refused.join() !== expected.join() ||
            !acknowledged.every((line) => line.startsWith("ack "))
          ) {
            throw new Error(`said ${said.join(", ")}`);
          }
          await look(work, scene.start);
          fs.rmSync(join(work, "memory", "snapshot_19700101_000000.json"), { force: true });
          await scene.operation.check(
            work,
            acknowledged.map((line) => line.slice(4)).filter((what) => what.endsWith(".json")),
          );
          scene.drop(work);
        });
      }
      return { injected: syncs.length, found: "the first write names the file, all later ones are READ_ONLY" };
    }),
};

export const errors: readonly Fault[] = [...operations.map(syncFault), goingOn, ...operations.map(errorFault)];
