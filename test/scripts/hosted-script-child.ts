/** Runs the scripts that come as JSON on stdin, one a line. After what a script wrote, both streams get a line with its exit code. */
import { createInterface } from "node:readline";
import { note, writeRaw } from "../../scripts/cli/main.ts";
import type { HostedScript } from "./hosted-script.ts";

let count = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const { path, args, cwd, env, end } = JSON.parse(line) as HostedScript;
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(cwd);
  process.argv = [process.execPath, path, ...args];
  // Under another name the script is another module, which begins again. What it imports is there already.
  await import(`${path}?${(count += 1)}`);
  note(`${end}${process.exitCode}`);
  await writeRaw(`${end}${process.exitCode}\n`);
}
