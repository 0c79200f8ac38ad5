/** Other libraries' searches: a Python process that answers over a pipe, so that its turns come between ours. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { python } from "./peers.ts";

/** Vectors as files of float32. */
export interface SearchData {
  readonly rows: string;
  readonly queries: string;
  readonly dim: number;
}

/** A turn of a contender: `count` queries from the one numbered `first` on. */
export interface SearchTurn {
  readonly k: number;
  readonly first: number;
  readonly count: number;
  /** Whether caches are emptied before each query; if not, a query that is not counted comes first. */
  readonly cold: boolean;
}

/** What a turn gave. */
export interface TurnResult {
  readonly us: readonly number[];
  /** Rows of the last query. */
  readonly rows: readonly number[];
}

/** The process. */
export interface SearchPeers {
  /** @returns Why, of each peer that cannot take them. */
  load(data: SearchData): Promise<Readonly<Record<string, string>>>;
  turn(peer: string, turn: SearchTurn): Promise<TurnResult>;
  stop(): void;
}

/** Starts the process with the peers that are there, each with so many threads. */
export function startPeers(peers: readonly string[], options: { threads: number }): SearchPeers {
  const threads = String(options.threads);
  const child = spawn(python(), [join(import.meta.dirname, "../search_peers.py")], {
    env: { ...process.env, OMP_NUM_THREADS: threads, OPENBLAS_NUM_THREADS: threads, MKL_NUM_THREADS: threads },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (request: object): Promise<unknown> => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`"search_peers.py" ended at ${JSON.stringify(request)}`);
    return JSON.parse(value);
  };
  return {
    load: async (data) => (await ask({ load: { ...data, peers } })) as Record<string, string>,
    turn: async (peer, turn) => (await ask({ peer, ...turn })) as TurnResult,
    stop: () => child.stdin.end(),
  };
}
