/**
 * Decodes one damaged input after the other, until it is killed. Writes a line before each target's input, so that who reads
 * knows what it hangs on: `<target's place> <number of the input> <inputs so far> <bytes of memory>`; and a line of JSON for each failure.
 *
 *     bun _child.ts SEED FROM [TARGET]
 */
import { writeSync } from "node:fs";
import { damagedInput } from "./mutate.ts";
import { failureOn } from "./target.ts";
import { targets } from "./targets.ts";

const [seed = "1", from = "0", only] = process.argv.slice(2);
const all = await targets();
let inputs = 0;
for (let number = Number(from); ; number++) {
  for (const [index, target] of all.entries()) {
    if (only !== undefined && target.name !== only) continue;
    writeSync(1, `${index} ${number} ${inputs} ${process.memoryUsage.rss()}\n`);
    const failure = await failureOn(target, damagedInput(target.seeds, { seed: Number(seed), number }));
    inputs += 1;
    if (failure !== undefined) writeSync(1, `${JSON.stringify({ index, number, failure })}\n`);
  }
}
