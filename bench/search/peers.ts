/** Searches of other libraries, in a Python process that answers over a pipe and so can take turns with ours. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { python } from "../support/python.ts";

/** Vectors as files of float32. */
interface SearchData {
  readonly rows: string;
  readonly queries: string;
  readonly dim: number;
}

/** A turn of a contender: `count` queries from number `first` on. */
export interface SearchTurn {
  readonly k: number;
  readonly first: number;
  readonly count: number;
  /** Whether caches are emptied before each query. If not, the turn begins with a query that is not counted. */
  readonly cold: boolean;
}

export interface TurnResult {
  readonly us: readonly number[];
  /** Rows of the last query. */
  readonly rows: readonly number[];
}

export interface SearchPeers {
  /** @returns For each peer that cannot take part, why. */
  load(data: SearchData): Promise<Readonly<Record<string, string>>>;
  turn(peer: string, turn: SearchTurn): Promise<TurnResult>;
  stop(): void;
}

/** Starts the process with the available peers. */
export function startPeers(peers: readonly string[], options: { threads: number }): SearchPeers {
  const threads = String(options.threads);
  const child = spawn(python(), [join(import.meta.dirname, "../peers/search_peers.py")], {
    env: { ...process.env, OMP_NUM_THREADS: threads, OPENBLAS_NUM_THREADS: threads, MKL_NUM_THREADS: threads },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (request: object): Promise<unknown> => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`"search_peers.py" ended after ${JSON.stringify(request)}`);
    return JSON.parse(value);
  };
  return {
    load: async (data) => (await ask({ load: { ...data, peers } })) as Record<string, string>,
    turn: async (peer, turn) => (await ask({ peer, ...turn })) as TurnResult,
    stop: () => child.stdin.end(),
  };
}
