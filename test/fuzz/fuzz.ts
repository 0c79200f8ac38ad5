/**
 * Damages the input of every decoder again and again: each must give a value or an error of ours, soon and in little memory.
 *
 *     bun test/fuzz/fuzz.ts [--seconds N] [--seed N] [--only TARGET] [--from N]
 *
 * What it finds is written to test/fuzz/found/, which test/fuzz/fuzz.test.ts tries again at every run of the suite. Exit code 1
 * if it found anything.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { damagedInput } from "./mutate.ts";
import { foundFile } from "./found.ts";
import { targets } from "./targets.ts";

/** Longer than any decoding takes on a busy machine. */
const HANGS_MS = 20_000;
/** More than all decoders need together, Bun's own included. */
const MAX_BYTES = 2 ** 30;
/** A decoder that fails, fails in many ways. */
const MAX_FINDINGS = 20;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: "1" },
    from: { type: "string", default: "0" },
    only: { type: "string" },
  },
});
const seed = Number(values.seed);
const all = await targets();
if (values.only !== undefined && !all.some(({ name }) => name === values.only)) {
  throw new Error(`Cannot fuzz "${values.only}": expected one of ${all.map(({ name }) => name).join("; ")}`);
}

const program = join(import.meta.dir, "child.ts");
const args = [values.seed, values.from, ...(values.only === undefined ? [] : [values.only])];
const child = Bun.spawn([process.execPath, program, ...args], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
const startedMs = performance.now();
const findings = new Map<string, string>();
/** Where the child is. */
const at = { index: 0, number: 0, inputs: 0, mostBytes: 0, sinceMs: startedMs };

function tell(found: { index: number; number: number; failure: string }): void {
  const { index, number, failure } = found;
  const target = all[index];
  if (target === undefined) return;
  // The same place in the code is the same finding.
  const place = `${target.name}: ${failure.split("\n").slice(0, 2).join(" ").slice(0, 200)}`;
  if (findings.has(place)) return;
  const file = foundFile(target.name, `${seed}-${number}`);
  writeFileSync(file, damagedInput(target.seeds, { seed, number }));
  findings.set(place, file);
  console.log(`FOUND   ${target.name}, --seed ${seed} --from ${number}, kept in ${file}\n${failure}`);
  if (findings.size >= MAX_FINDINGS) child.kill("SIGKILL");
}

const watch = setInterval(() => {
  const nowMs = performance.now();
  const hangs = nowMs - at.sinceMs > HANGS_MS;
  if (hangs) tell({ ...at, failure: `the decoder gave no answer within ${HANGS_MS} ms` });
  if (hangs || nowMs - startedMs > 1000 * Number(values.seconds)) child.kill("SIGKILL");
}, 100);

let text = "";
for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
  const lines = (text + part).split("\n");
  text = lines.pop() ?? "";
  for (const line of lines) {
    if (line.startsWith("{")) {
      tell(JSON.parse(line));
      continue;
    }
    const [index = 0, number = 0, inputs = 0, bytes = 0] = line.split(" ").map(Number);
    // What is large now was made by the input before.
    if (bytes > MAX_BYTES) {
      tell({ ...at, failure: `the decoder took ${bytes} bytes of memory` });
      child.kill("SIGKILL");
    }
    Object.assign(at, { index, number, inputs, mostBytes: Math.max(at.mostBytes, bytes), sinceMs: performance.now() });
  }
}
await child.exited;
clearInterval(watch);
// Nobody but this program ends the child.
if (child.signalCode !== "SIGKILL")
  tell({ ...at, failure: `the decoder ended the process with ${child.exitCode ?? child.signalCode}` });
console.log(
  `${at.inputs} inputs for ${values.only ?? `${all.length} decoders`}, seed ${seed}: ${findings.size} findings, at most ${Math.round(at.mostBytes / 2 ** 20)} MiB`,
);
process.exitCode = findings.size > 0 ? 1 : 0;
