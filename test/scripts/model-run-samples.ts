/** A model server, and folders with configurations of runs that ask it. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Summary } from "../../lib/results/summary-shape.ts";
import { PROJECT_DIR } from "../samples.ts";
import { someVote, startModelServer, type ModelServer, type Respond } from "../providers/recorded/model-server.ts";
import { runScript, type ScriptResult } from "./run-script.ts";

/** The key that nothing may show. */
export const KEY = "sk-e2e-0123456789abcdef";

/** Three models, three assets, six decisions a day. */
export const QUESTIONS_A_DAY: number = 3 * 3 * 6;

/** A model server, and folders for runs that ask it. */
export interface ModelWorld {
  readonly folder: string;
  readonly server: ModelServer;
  /** How the server answers. @default `someVote` */
  respond: Respond;
  /** A folder with a configuration and nothing else. */
  newFolder(options?: {
    days?: number;
    chunks?: string;
    backtest?: string;
    llama?: string;
    providers?: string;
  }): string;
  /** Runs run-chunks --json there. */
  run(folder: string, ...flags: string[]): Promise<ScriptResult>;
  /** An undisturbed run, to compare others with. Resets the count of answers. */
  runWhole(): Promise<{ folder: string; summary: Summary; stderr: string }>;
  /** Starts run-chunks --json there without waiting for it. */
  start(folder: string): Bun.Subprocess<"ignore", "pipe", "pipe">;
  answersIn(folder: string): string[];
}

/** Starts the server. */
export function openModelWorld(): ModelWorld {
  // In memory where possible: thousands of durable files are written, and durability is tested elsewhere.
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "carryover-models-"));
  let folders = 0;
  const server = startModelServer((request) => world.respond(request));
  const env = { CARRYOVER_TEST_KEY: KEY };
  const world: ModelWorld = {
    folder,
    server,
    respond: someVote,
    newFolder: ({ days = 2, chunks = "1d", backtest, llama = "", providers } = {}) => {
      const made = join(folder, `run-${folders++}`);
      mkdirSync(made);
      const end = new Date(Date.UTC(2024, 0, 1 + days)).toISOString().slice(0, 10);
      const more = backtest === undefined ? "" : `, ${backtest}`;
      const models = `  - { name: llama, type: llm, model: llama3.2, base_url: "${server.openaiUrl}", price_per_mtok: { input: 1, output: 10 }${llama} }
  - { name: qwen, type: llm, model: qwen2.5, base_url: "${server.openaiUrl}", mask: true }
  - { name: gemini, type: llm, api: google, model: gemini-2.0-flash, base_url: "${server.googleUrl}", api_key_env: CARRYOVER_TEST_KEY }
`;
      writeFileSync(
        join(made, "config.yaml"),
        `memory: { dir: memory, answers_dir: answers }
backtest: { start: 2024-01-01, end: ${end}, chunks: ${chunks}, data_dir: synthetic${more} }
providers:
${providers ?? models}`,
      );
      return made;
    },
    run: (at, ...flags) => runScript("run-chunks.ts", ["--json", ...flags], { cwd: at, env }),
    runWhole: async () => {
      world.respond = someVote;
      server.answered.clear();
      const at = world.newFolder();
      const { code, stdout, stderr } = await world.run(at);
      if (code !== 0) throw new Error(`ended with ${code}: ${stderr}`);
      return { folder: at, summary: JSON.parse(stdout) as Summary, stderr };
    },
    start: (at) =>
      Bun.spawn([process.execPath, join(PROJECT_DIR, "scripts", "run-chunks.ts"), "--json"], {
        cwd: at,
        env: { ...process.env, ...env },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      }),
    answersIn: (at) => {
      const answers = join(at, "answers");
      return existsSync(answers) ? readdirSync(answers).filter((name) => name.endsWith(".json")) : [];
    },
  };
  return world;
}
