/**
 * Feeds damaged inputs to every decoder. Each must return a value or throw a CarryoverError, soon and with little memory.
 *
 *     bun test/fuzz/fuzz.ts [--seconds N] [--seed N] [--only TARGET] [--from N]
 *
 * An input on which a decoder fails is kept in test/fuzz/found/, and test/fuzz/fuzz.test.ts tries it again in every run of the
 * suite. The exit code is 1 if there was any.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { damagedInput } from "./mutate.ts";
import { foundFile } from "./found.ts";
import { targets } from "./targets.ts";

/** Longer than any decoding takes on a busy machine. */
const HANG_MS = 20_000;
/** More than all decoders and Bun itself need. */
const MAX_BYTES = 2 ** 30;
/** A broken decoder fails in many ways; this many are enough. */
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
/** The child's progress. */
const progress = { index: 0, number: 0, inputs: 0, maxBytes: 0, sinceMs: startedMs };

function report({ index, number, failure }: { index: number; number: number; failure: string }): void {
  const target = all[index];
  if (target === undefined) return;
  // Failures at the same place in the code are one finding.
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
  const hangs = nowMs - progress.sinceMs > HANG_MS;
  if (hangs) report({ ...progress, failure: `the decoder did not return within ${HANG_MS} ms` });
  if (hangs || nowMs - startedMs > 1000 * Number(values.seconds)) child.kill("SIGKILL");
}, 100);

let text = "";
for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
  const lines = (text + part).split("\n");
  text = lines.pop() ?? "";
  for (const line of lines) {
    if (line.startsWith("{")) {
      report(JSON.parse(line));
      continue;
    }
    const [index = 0, number = 0, inputs = 0, bytes = 0] = line.split(" ").map(Number);
    // The memory was used by the previous input.
    if (bytes > MAX_BYTES) {
      report({ ...progress, failure: `the decoder used ${bytes} bytes of memory` });
      child.kill("SIGKILL");
    }
    Object.assign(progress, {
      index,
      number,
      inputs,
      maxBytes: Math.max(progress.maxBytes, bytes),
      sinceMs: performance.now(),
    });
  }
}
await child.exited;
clearInterval(watch);
// Only this program kills the child.
if (child.signalCode !== "SIGKILL")
  report({ ...progress, failure: `the decoder ended the process with ${child.exitCode ?? child.signalCode}` });
console.log(
  `${progress.inputs} inputs for ${values.only ?? `${all.length} decoders`}, seed ${seed}: ${findings.size} findings, at most ${Math.round(progress.maxBytes / 2 ** 20)} MiB`,
);
process.exitCode = findings.size > 0 ? 1 : 0;
