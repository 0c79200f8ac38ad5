/**
 * Decodes one damaged input after the other until it is killed. Before each input it writes a line, so that the parent knows
 * where it hangs: `<index of the target> <number of the input> <inputs so far> <bytes of memory>`. It writes a line of JSON for
 * each failure.
 *
 *     bun test/fuzz/child.ts SEED FROM [TARGET]
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
