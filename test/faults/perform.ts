/**
 * Performs an operation with the messages and exit codes of a script, and prints `ack <what>` as soon as something is
 * acknowledged.
 *
 *     bun perform.ts perform|recover|insist NAME WORK
 *
 * `recover`: does what a user starts after a kill. `insist`: goes on writing after every error, and prints each result.
 */
import { writeSync } from "node:fs";
import { runScript } from "../../scripts/cli/main.ts";
import { useOneThread } from "./answers.ts";
import { operations } from "./operations.ts";
import { insist, recover } from "./recovery.ts";

// Temporary files have the same names in every run, but not those that an earlier verb has left.
let names = 0;
const ofVerb = Buffer.from(process.argv[2] ?? "")
  .toString("hex")
  .slice(0, 8);
crypto.randomUUID = () => `${ofVerb}-0000-4000-8000-${String((names += 1)).padStart(12, "0")}`;

useOneThread();
await runScript(async ({ argv }) => {
  const [verb, name, work = ""] = argv;
  const say = (text: string): void => void writeSync(1, `${text}\n`);
  const operation = operations.find((one) => one.name === name);
  if (verb === "insist") return await insist(work, say);
  if (operation === undefined) throw new Error(`no operation is called "${name}"`);
  if (verb === "recover") await recover(operation, work);
  else await operation.perform(work, (what) => say(`ack ${what}`));
});
