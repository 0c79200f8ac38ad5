/** An operation that nothing was done to, and the same again after something was. */
import { filesOf } from "../scripts/run-script.ts";
import { acknowledgedIn, type Scene } from "./injection.ts";
import { isRepeatable, recover, writtenOnce } from "./recovery.ts";
import type { SystemCall } from "./strace.ts";

/** An operation that nothing was done to. */
export interface Undisturbed {
  readonly calls: readonly SystemCall[];
  readonly acknowledged: readonly string[];
  /** Files in the end; `undefined` where performing it twice ends otherwise. */
  readonly files: Readonly<Record<string, string>> | undefined;
}

/** Performs the scene's operation without a fault. */
export async function undisturbed(scene: Scene): Promise<Undisturbed> {
  const work = scene.copy();
  const result = await scene.child("perform", work);
  if (result.code !== 0) throw new Error(`it fails by itself: ${result.stderr}`);
  const repeatable = isRepeatable(scene.operation);
  if (repeatable) await recover(scene.operation, work);
  const files = repeatable ? filesOf(work) : undefined;
  scene.drop(work);
  return { calls: result.calls, acknowledged: acknowledgedIn(result), files };
}

/** Performs the operation again where something was done to it: it ends as if nothing had been, and writes nothing twice. */
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
  assertSame(work, files, "one that nothing was done to");
  scene.drop(work);
}

/** Compares a folder with the files that another way has led to. */
export function assertSame(work: string, expected: Readonly<Record<string, string>>, what: string): void {
  const found = filesOf(work);
  // What a killed restore or recording of answers leaves may be that of another at work: it stays for a day or an hour.
  const names = [...new Set([...Object.keys(found), ...Object.keys(expected)])];
  const other = names.filter(
    (name) => found[name] !== expected[name] && !/^(\.tmp-restore-|answers\/\.tmp-)/.test(name),
  );
  if (other.length > 0) throw new Error(`other bytes than ${what}: ${other.join(", ")}`);
}
