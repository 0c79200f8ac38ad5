/** Runs the job of the resume tests in a folder; says `<chunk> <trades>` after every tick. `bun _child.ts FOLDER` */
import { writeSync } from "node:fs";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { resumeJob } from "./resume-samples.ts";
import { runOn } from "./world-samples.ts";

const [folder = ""] = process.argv.slice(2);
const onProgress = ({ chunk, trades }: { chunk: string; trades: number }): void => {
  writeSync(1, `${chunk} ${trades}\n`);
};
await runOn(diskStorage(folder), resumeJob({ onProgress }));
