/** Rows 5 and 6: every system call failing once. */
import fs from "node:fs";
import { join } from "node:path";
import { assertAgainEnds, undisturbed, type Undisturbed } from "./again.ts";
import type { Fault } from "./fault.ts";
import { acknowledgedIn, at, withScene, type Scene } from "./injection.ts";
import { operations, type Operation } from "./operations.ts";
import { look } from "./recovery.ts";
import { isChange, missingStrace, type SystemCall, type Traced } from "./strace.ts";

/** What each call may say. */
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

/** Operations with more calls than this are the others one after the other: their reads do not fail once more. */
const LONG = 200;

const isSync = ({ name }: SystemCall): boolean => name === "fsync" || name === "fdatasync";

function errorFault(operation: Operation): Fault {
  return {
    rows: [6],
    name: `${operation.name}, with each call but the syncs failing once`,
    how: "an error in place of the nth system call (strace)",
    missing: missingStrace,
    inject: () =>
      withScene(operation, async (scene) => {
        const whole = await undisturbed(scene);
        const isLong = whole.calls.length > LONG;
        const others = whole.calls.filter((call) => !isSync(call) && (isChange(call) || !isLong));
        const { injected, went } = await failEach(scene, whole, others);
        const told = `${injected - went} times told with file and cause, ${went} times all was done in spite of it`;
        return { injected, found: `${told}; the old files whole, the same again ends well` };
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
        if (went > 0) throw new Error(`acknowledged ${went} times although a sync had failed`);
        return { injected, found: "exit 1 naming the file, nothing written or synced after it, a start heals" };
      }),
  };
}

/** Lets each call fail once with each error; returns how often, and how often the operation was done nonetheless. */
async function failEach(
  scene: Scene,
  whole: Undisturbed,
  calls: readonly SystemCall[],
): Promise<{ injected: number; went: number }> {
  let injected = 0;
  let went = 0;
  for (const call of calls) {
    const errors = ERRORS[call.name];
    if (errors === undefined) throw new Error(`nobody said how "${call.name}" may fail`);
    const all = call.what.includes("O_CREAT") ? [...errors, "ENOSPC"] : errors;
    // What changes something fails in every way; what reads or closes, and what is long, in one way after the other.
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

/** It either did all, or says in a line what failed, where and why. */
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
  // SQLite has its own words for what the operating system said of the lock.
  const isLock = call.paths.includes("memory/.lock");
  const isTold =
    stderr.startsWith("error: Cannot ") && stderr.includes(`"${work}`) && (isLock || stderr.includes(error));
  if (code !== 1 || !isTold || stderr.includes("    at ")) throw new Error(`exit ${code}: ${stderr}`);
  if (!isSync(call)) return;
  const later = calls.slice(calls.findIndex(({ name, nth }) => name === call.name && nth === call.nth) + 1);
  const change = later.find((one) => isChange(one) && !["unlink", "unlinkat", "rmdir"].includes(one.name));
  if (change !== undefined) throw new Error(`after a failed sync: ${change.what}`);
}

/** Row 5 once more: a process that goes on trying after a sync has failed. */
const insisting: Fault = {
  rows: [5],
  name: "a process that writes on after each sync that failed once",
  how: "an error in place of the nth fsync or fdatasync (strace)",
  missing: missingStrace,
  inject: () =>
    withScene(operations.find(({ name }) => name === "record") as Operation, async (scene) => {
      const origin = scene.copy();
      const { calls, code, stderr } = await scene.child("insist", origin);
      if (code !== 0) throw new Error(`it fails by itself: ${stderr}`);
      const syncs = calls.filter(isSync);
      for (const call of syncs) {
        await at(call, "EIO", async () => {
          const work = scene.copy();
          const result = await scene.child("insist", work, { call, among: calls, does: "error=EIO" });
          // Where nothing was recorded a flush has nothing to write.
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
      return { injected: syncs.length, found: "the first write says which file, all later ones READ_ONLY" };
    }),
};

export const errors: readonly Fault[] = [...operations.map(syncFault), insisting, ...operations.map(errorFault)];
