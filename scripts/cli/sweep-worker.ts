/**
 * A worker of `sweep`, which starts it: `sweep-worker.ts OUT KEEP`. `CARRYOVER_NATS` names the server whose workers share recorded
 * answers, if there is one.
 */
import { isRecorded } from "../../lib/config/config.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { SweepFolder } from "../../lib/sweep/folder.ts";
import { allCells, type SweepPlan } from "../../lib/sweep/plan.ts";
import { configOfCell, type Keep, modulesOf } from "../../lib/sweep/run-cell.node.ts";
import { serveCells } from "../../lib/sweep/worker.node.ts";
import { runScript } from "./main.ts";

await runScript(async ({ argv: [out = "", keep], signal, guard }) => {
  const nats = process.env["CARRYOVER_NATS"];
  // It may have a password, which modules have no use for.
  delete process.env["CARRYOVER_NATS"];
  const plan = await new SweepFolder(diskStorage(out)).readPlan();
  const modules = await modulesOf(plan);
  if (modules.length > 0) guard(modules);
  const options = { out, keep: keep as Keep, signal };
  if (nats === undefined || !(await hasRecorded(plan))) return serveCells(options);
  const { SweepServer } = await import("../../lib/sweep/nats/server.node.ts");
  const { openSharedAnswers } = await import("../../lib/sweep/nats/shared-answers.node.ts");
  const server = await SweepServer.connect(nats, { name: "carryover cell", signal });
  try {
    await serveCells({ ...options, sharedAnswers: await openSharedAnswers(server) });
  } finally {
    await server.close();
  }
});

/** Whether some cell asks models or programs. */
async function hasRecorded(plan: SweepPlan): Promise<boolean> {
  for (const cell of allCells(plan)) if ((await configOfCell(plan, cell)).providers.some(isRecorded)) return true;
  return false;
}
