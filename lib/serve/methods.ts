/** The methods that programs call, whatever they are called over. They are the tools of the Model Context Protocol, too. */
import { closest } from "../util/closest.ts";
import { UnknownMethod } from "./json-rpc.ts";
import type { MemoryServer } from "./memory-server.ts";
import { type MethodName, type MethodParams, parseParams } from "./params.ts";
import type { Answer } from "./session-results.ts";

/** A method, and what a model is told of it. */
export interface Method {
  readonly name: MethodName;
  readonly description: string;
  readonly isReadOnly: boolean;
  readonly isDestructive: boolean;
  readonly call: (server: MemoryServer, params: unknown) => Promise<Answer>;
}

function method<Name extends MethodName>(
  name: Name,
  about: Pick<Method, "description"> & { kind?: "reads" | "destroys" },
  call: (server: MemoryServer, params: MethodParams[Name]) => Promise<Answer>,
): Method {
  return {
    name,
    description: about.description,
    isReadOnly: about.kind === "reads",
    isDestructive: about.kind === "destroys",
    call: async (server, params) => call(server, await parseParams(name, params)),
  };
}

export const METHODS: readonly Method[] = [
  method(
    "open_session",
    {
      description:
        "Opens a session of trading. A backtest learns from trades that closed before it, and its time never goes back. " +
        "A live session learns from all of memory, and continues where the last one with the same parameters stopped.",
    },
    (server, params) => server.openSession(params),
  ),
  method(
    "decide",
    {
      description:
        "Weighs the providers' votes on an asset by what memory knows as of a time: action, confidence, the share of the full " +
        "size that the expected result allows, and the past trades that were most alike. The same again returns the same.",
    },
    (server, params) => server.decide(params),
  ),
  method(
    "record_outcome",
    {
      description:
        "Records a trade that has closed, durably: later decisions learn from it. The same again is fine; other values under " +
        "the same decision_id are refused.",
    },
    (server, params) => server.recordOutcome(params),
  ),
  method(
    "close_session",
    { description: "Ends a session: commits its last chunk and writes its summary. Reports and exports then show it." },
    (server, params) => server.closeSession(params),
  ),
  method(
    "recall_trades",
    {
      kind: "reads",
      description:
        "Finds the past trades whose situations were most like one in words or in numbers, and how they ended. " +
        "result_r is the result per unit of risk, before costs.",
    },
    (server, params) => server.recallTrades(params),
  ),
  method(
    "provider_weights",
    {
      kind: "reads",
      description: "What each provider's vote weighs as of a time, by what its votes earned. Weights sum to 1.",
    },
    (server, params) => server.providerWeights(params),
  ),
  method(
    "provider_records",
    {
      kind: "reads",
      description: "How often each provider was right as of a time, what its votes earned in R, and by confidence.",
    },
    (server, params) => server.providerRecords(params),
  ),
  method(
    "memory_stats",
    { kind: "reads", description: "What memory holds: outcomes, results by provider, asset and regime." },
    (server) => server.memoryStats(),
  ),
  method(
    "forget_provider",
    {
      kind: "destroys",
      description:
        "Lets a provider start afresh: its trades before a time no longer count for its weight and calibration, in any later " +
        "run. Outcomes stay. This cannot be undone over this interface.",
    },
    (server, params) => server.forgetProvider(params),
  ),
];

const BY_NAME: ReadonlyMap<string, Method> = new Map(METHODS.map((each) => [each.name, each]));

/** Calls methods one after the other, in the order of the calls. What they store becomes durable side by side. */
export class MethodCalls {
  readonly #server: MemoryServer;
  #last: Promise<unknown> = Promise.resolve();

  constructor(server: MemoryServer) {
    this.#server = server;
  }

  /**
   * @returns The result, when what it says is durable.
   * @throws {UnknownMethod} If there is no such method.
   * @throws {ParamError} For parameters that are refused.
   */
  async call(name: string, params: unknown): Promise<unknown> {
    const found = BY_NAME.get(name);
    if (found === undefined) {
      const meant = closest(name, BY_NAME.keys());
      const expected = meant === undefined ? `one of ${[...BY_NAME.keys()].join(", ")}` : JSON.stringify(meant);
      throw new UnknownMethod(
        "BAD_USAGE",
        `Cannot call ${JSON.stringify(name.slice(0, 100))}: found no such method, expected ${expected}`,
      );
    }
    const turn = this.#last.then(() => found.call(this.#server, params));
    this.#last = turn.catch(() => {});
    const { result, durable } = await turn;
    await durable;
    return result;
  }

  /** Waits for the calls under way, and makes durable what sessions have. */
  async stop(): Promise<void> {
    await this.#last;
    await this.#server.stop();
  }
}
