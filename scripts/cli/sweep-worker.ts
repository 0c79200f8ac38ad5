/** A worker of `sweep`, which starts it: `sweep-worker.ts OUT KEEP`. */
import { dirname, resolve } from "node:path";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { SweepFolder } from "../../lib/sweep/folder.ts";
import { allCells } from "../../lib/sweep/plan.ts";
import { configOfCell, type Keep } from "../../lib/sweep/run-cell.node.ts";
import { serveCells } from "../../lib/sweep/worker.node.ts";
import { runScript } from "./main.ts";

await runScript(async ({ argv: [out = "", keep], signal, guard }) => {
  const plan = await new SweepFolder(diskStorage(out)).readPlan();
  const modules = new Set<string>();
  // Most sweeps have none, and checking every configuration takes a moment.
  const mayHaveModules = JSON.stringify(plan).includes("module");
  for (const cell of mayHaveModules ? allCells(plan) : []) {
    for (const provider of (await configOfCell(plan, cell)).providers) {
      if (provider.type === "module") modules.add(resolve(dirname(plan.base.file), provider.path));
    }
  }
  if (modules.size > 0) guard([...modules]);
  await serveCells({ out, keep: keep as Keep, signal });
});
