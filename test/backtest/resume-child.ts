/** Runs the job of the resume tests in a folder, and kills itself with SIGKILL when it has made some trades. `bun resume-child.ts FOLDER TRADES` */
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { resumeJob } from "./resume-samples.ts";
import { runOn } from "./world-samples.ts";

const [folder = "", fatal] = process.argv.slice(2);
const onProgress = ({ trades }: { trades: number }): void => {
  if (trades >= Number(fatal)) process.kill(process.pid, "SIGKILL");
};
await runOn(diskStorage(folder), resumeJob({ onProgress }));
