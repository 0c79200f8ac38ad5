/** An operation without a fault, and the same operation again after one. */
import { filesOf } from "../scripts/run-script.ts";
import { acknowledgedIn, type Scene } from "./injection.ts";
import { isRepeatable, recover, writtenOnce } from "./recovery.ts";
import type { SystemCall } from "./strace.ts";

/** What an operation does without a fault. */
export interface Undisturbed {
  readonly calls: readonly SystemCall[];
  readonly acknowledged: readonly string[];
  /** Files at the end; `undefined` if performing it twice ends in other files. */
  readonly files: Readonly<Record<string, string>> | undefined;
}

/** Performs the scene's operation without a fault. */
export async function undisturbed(scene: Scene): Promise<Undisturbed> {
  const work = scene.copy();
  const result = await scene.child("perform", work);
  if (result.code !== 0) throw new Error(`it fails without a fault: ${result.stderr}`);
  const repeatable = isRepeatable(scene.operation);
  if (repeatable) await recover(scene.operation, work);
  const files = repeatable ? filesOf(work) : undefined;
  scene.drop(work);
  return { calls: result.calls, acknowledged: acknowledgedIn(result), files };
}

/** Performs the operation again after a fault: it ends in the same files, and writes nothing twice. */
export async function assertAgainEnds(scene: Scene, hurt: string, { files }: Undisturbed): Promise<void> {
  if (files === undefined) return;
  const work = scene.copy(hurt);
  const once = writtenOnce(work);
  await scene.operation.perform(work, () => {});
  const after = writtenOnce(work);
  for (const [name, file] of Object.entries(once)) {
    if (after[name] !== undefined && after[name] !== file) throw new Error(`"${name}" was written again`);
  }
  await recover(scene.operation, work);
  assertSame(work, files, "without a fault");
  scene.drop(work);
}

/** Compares a folder with the files that it should have. */
export function assertSame(work: string, expected: Readonly<Record<string, string>>, what: string): void {
  const found = filesOf(work);
  // Temporary files of a killed restore or recording may belong to a live process, so they stay for a day or an hour.
  const names = [...new Set([...Object.keys(found), ...Object.keys(expected)])];
  const other = names.filter(
    (name) => found[name] !== expected[name] && !/^(\.tmp-restore-|answers\/\.tmp-)/.test(name),
  );
  if (other.length > 0) throw new Error(`other bytes than ${what}: ${other.join(", ")}`);
}
