/** Every shape of an answer, through a whole client: its vote or abstention, and how often the model was asked. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NoAnswer } from "../../../lib/providers/recorded/client.ts";
import { makeContext, makeSituation } from "../situation-samples.ts";
import { FIXTURE_SHAPES, MORE_SHAPES, type Reading, type Shape } from "./answer-shapes.ts";
import { ModelUnderTest, NEVER } from "./model-under-test.ts";

// One shape of the fixture takes four seconds.
setDefaultTimeout(30_000);

const model = new ModelUnderTest();
afterAll(() => model.stop());

/** How often a model may be asked, by what becomes of its answer. */
const REQUESTS: Readonly<Record<string, readonly number[]>> = {
  abstains: [2],
  "waits, then stops": [2, 3, 4],
  // Once more for each parameter that the server may take otherwise.
  stops: [1, 2, 3],
};

interface Outcome {
  readonly reading: Reading;
  readonly reason: string;
}

/** Asks a server at an address one question about BTCUSD. */
async function ask({ api }: Shape, base_url: string): Promise<Outcome> {
  const client = model.client({ api, model: "m", base_url, patience: "30ms", timeout: "20s" });
  let hasWaited = false;
  const onWait = (): void => void (hasWaited = true);
  try {
    const question = client.prepare(makeSituation({ asset: "BTCUSD" }), makeContext(0));
    const { vote } = await question.ask({ drain: NEVER, abort: NEVER, onWait });
    const { action, confidence, error } = vote;
    return error === undefined
      ? { reading: `${action} ${confidence}`, reason: "" }
      : { reading: "abstains", reason: error };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (hasWaited) expect(error).toBeInstanceOf(NoAnswer);
    return { reading: hasWaited ? "waits, then stops" : "stops", reason: error.message };
  }
}

function check(shape: Shape, { outcome, requests }: { outcome: Outcome; requests: number }): void {
  expect({ name: shape.name, ...outcome }).toMatchObject({ name: shape.name, reading: shape.reading });
  // No second question where the first had a vote.
  expect(REQUESTS[shape.reading] ?? [1]).toContain(requests);
  if (shape.reading === "abstains") expect(outcome.reason).toMatch(/^no usable answer, asked twice: found /);
}

describe("a model that answers so is read as a careful person would:", () => {
  test.each(MORE_SHAPES.map((shape) => [`${shape.name} (${shape.of})`, shape] as const))("%s", async (_name, shape) => {
    const before = model.server.requests.length;
    model.respond = shape.respond!;
    const { openaiUrl, googleUrl } = model.server;
    const outcome = await ask(shape, shape.api === "google" ? googleUrl : openaiUrl);
    check(shape, { outcome, requests: model.server.requests.length - before });
  });
});

const PYTHON = process.env["CARRYOVER_PYTHON"] ?? "python3";
const MISSING = Bun.which(PYTHON) === null ? ` (skipped: ${PYTHON} is missing)` : "";

describe.skipIf(MISSING !== "")(`a shape of test/fixtures/llm/server.py${MISSING}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "carryover-shapes-"));
  let server: Bun.Subprocess;
  const outcomes = new Map<string, Outcome>();
  let counts: Readonly<Record<string, number>> = {};

  beforeAll(async () => {
    const port = join(folder, "port");
    server = Bun.spawn([PYTHON, join(import.meta.dir, "../../fixtures/llm/server.py"), port], { stderr: "ignore" });
    while (!(await Bun.file(port).exists()) || readFileSync(port, "utf8") === "") await Bun.sleep(10);
    const address = `http://127.0.0.1:${readFileSync(port, "utf8")}`;
    const waiting = [...FIXTURE_SHAPES];
    const askNext = async (): Promise<void> => {
      for (let shape = waiting.shift(); shape !== undefined; shape = waiting.shift()) {
        const version = shape.api === "google" ? "v1beta" : "v1";
        outcomes.set(shape.name, await ask(shape, `${address}/${shape.name}/${version}`));
      }
    };
    // Python's server queues five connections. With more, some are only tried again seconds later.
    await Promise.all(Array.from({ length: 5 }, askNext));
    ({ n: counts } = (await (await fetch(address)).json()) as { n: Record<string, number> });
  });

  afterAll(() => {
    server?.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  });

  test.each(FIXTURE_SHAPES.map((shape) => [shape.name, shape] as const))("is read: %s", (name, shape) => {
    check(shape, { outcome: outcomes.get(name)!, requests: counts[name] ?? 0 });
  });
});
