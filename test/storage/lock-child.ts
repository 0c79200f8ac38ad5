/**
 * Locks a folder twice and creates a file in it; prints "locked" or an error's code for each lock, and how many files there are.
 * It lies in the project, because Deno finds packages from the program's own folder.
 *
 *     deno run -A test/storage/lock-child.ts FOLDER
 */
import process from "node:process";
import { diskStorage } from "../../lib/storage/disk.node.ts";

const holder = { pid: process.pid, command: "child", host: "desk", since: "2021-01-01T00:00:00.000Z" };
const storage = diskStorage(process.argv[2] ?? "");
const results: string[] = [];
for (let i = 0; i < 2; i++) {
  results.push(
    await storage.lock(holder).then(
      () => "locked",
      (error: { code: string }) => error.code,
    ),
  );
}
await storage.createOnce("a", new Uint8Array(3));
console.log([...results, (await storage.list()).files.length].join(" "));
