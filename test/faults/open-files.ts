/** Row 9: too many open files. */
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fault } from "./fault.ts";
import { operations } from "./operations.ts";
import { performShort } from "./shortage.ts";

const MAX_HANDLES = 5;
const LIMIT = 'ulimit -n 64; exec "$@"';

export const openFiles: readonly Fault[] = [
  {
    rows: [9],
    name: `0 to ${MAX_HANDLES} file handles left to each operation`,
    how: "`ulimit -n`, all handles but a few in use",
    missing: () => (process.platform === "win32" ? "a shell with ulimit" : undefined),
    inject: async () => {
      const home = fs.mkdtempSync(join(tmpdir(), "carryover-handles-"));
      let failed = 0;
      let performed = 0;
      try {
        for (const operation of operations) {
          const start = join(home, "start");
          await operation.prepare(fs.mkdirSync(start, { recursive: true }) ?? start);
          for (let handles = 0; handles <= MAX_HANDLES; handles += 1) {
            const work = join(home, "work");
            fs.cpSync(start, work, { recursive: true });
            const hasFailed = await performShort(operation, work, {
              prefix: ["sh", "-c", LIMIT, "sh"],
              words: ["--handles", String(handles)],
              message: /^error: Cannot .*EMFILE.*\(ulimit -n\)/,
            }).catch((error: unknown) => {
              throw new Error(`${operation.name} with ${handles} handles: ${String(error)}`, { cause: error });
            });
            performed += 1;
            if (hasFailed) failed += 1;
            else if (handles === 0) throw new Error(`${operation.name} needs no file handle: nothing was injected`);
            fs.rmSync(work, { recursive: true });
          }
          fs.rmSync(start, { recursive: true });
        }
      } finally {
        fs.rmSync(home, { recursive: true, force: true });
      }
      return {
        injected: failed,
        found: `${failed} of ${performed} failed with the reason, everything acknowledged is there, no temporary file is left`,
      };
    },
  },
];
