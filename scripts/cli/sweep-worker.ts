/** A worker of `sweep`, which starts it: `sweep-worker.ts OUT KEEP`. */
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { SweepFolder } from "../../lib/sweep/folder.ts";
import { type Keep, modulesOf } from "../../lib/sweep/run-cell.node.ts";
import { serveCells } from "../../lib/sweep/worker.node.ts";
import { runScript } from "./main.ts";

await runScript(async ({ argv: [out = "", keep], signal, guard }) => {
  const plan = await new SweepFolder(diskStorage(out)).readPlan();
  const modules = await modulesOf(plan);
  if (modules.length > 0) guard(modules);
  await serveCells({ out, keep: keep as Keep, signal });
});
