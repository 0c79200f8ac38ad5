import type { Provider } from "../providers/provider.ts";
import { NO_VOTE_YET } from "../providers/votes-file.ts";
import type { ChunkCounters, QuietProvider } from "../results/chunks.ts";
import { addPairs, samplePairs, type SamplePairs } from "../results/sample-noise.ts";
import type { Decided } from "./decide.ts";

const FIRST_BYTES = 1 << 20;

/** UTF-8 takes at most this many bytes for a UTF-16 unit. */
const BYTES_PER_UNIT = 3;

/** Characters kept of a provider's last error or reason. */
const MAX_LAST = 200;

const encoder = new TextEncoder();

/** The decisions of a chunk: the bytes of its `decisions.ndjson`, and what its record counts of them. */
export class DecisionLog {
  readonly #providers: readonly Pick<Provider, "name">[];
  readonly #isRead: boolean;
  #bytes: Uint8Array;
  #size = 0;
  #count = 0;
  #holds = 0;
  #buys = 0;
  readonly #skipped = { max_positions: 0, correlation: 0, size: 0 };
  readonly #abstentions: number[];
  readonly #own: ReadonlySet<string>;
  readonly #directed: number[];
  readonly #lastErrors: (string | undefined)[] = [];
  readonly #lastReasons: (string | undefined)[] = [];
  readonly #samples = new Map<string, SamplePairs>();

  /**
   * @param options `isRead`: whether anything reads the lines; else they are not written. `own`: providers that do not come with the
   * library.
   */
  constructor(
    providers: readonly Pick<Provider, "name">[],
    options: { isRead: boolean; own?: readonly string[] | undefined },
  ) {
    this.#providers = providers;
    this.#isRead = options.isRead;
    this.#bytes = new Uint8Array(options.isRead ? FIRST_BYTES : 0);
    this.#abstentions = providers.map(() => 0);
    this.#own = new Set(options.own);
    this.#directed = providers.map(() => 0);
  }

  /** Adds a decision as a line, which takes less memory than objects. */
  add({ action, skipped, votes, toRecord }: Omit<Decided, "toRecord"> & { toRecord: () => object }): void {
    this.#count += 1;
    if (action === "HOLD") this.#holds += 1;
    if (action === "BUY") this.#buys += 1;
    if (skipped !== null) this.#skipped[skipped] += 1;
    votes.forEach(({ provider, action: voted, reason, error, samples }, i) => {
      if (error !== undefined) this.#abstentions[i]! += 1;
      if (voted !== "HOLD") this.#directed[i]! += 1;
      if (error === undefined) this.#lastReasons[i] = reason;
      else this.#lastErrors[i] = error;
      if (samples !== undefined)
        this.#samples.set(provider, addPairs(this.#samples.get(provider), samplePairs(samples)));
    });
    if (this.#isRead) this.#write(`${JSON.stringify(toRecord())}\n`);
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  get count(): number {
    return this.#count;
  }

  get holds(): number {
    return this.#holds;
  }

  get buys(): number {
    return this.#buys;
  }

  /** How many decisions opened no position, by reason. */
  get skipped(): ChunkCounters["skipped"] {
    return this.#skipped;
  }

  /** How often each provider abstained. */
  get abstentions(): ChunkCounters["abstentions"] {
    return Object.fromEntries(this.#providers.map(({ name }, i) => [name, this.#abstentions[i]!]));
  }

  /** Own providers that abstained, or voted neither BUY nor SELL; nothing if none did. */
  get quiet(): Pick<ChunkCounters, "quiet"> {
    const quiet = this.#providers.flatMap(({ name }, i): [string, QuietProvider][] => {
      const [directed, error] = [this.#directed[i]!, this.#lastErrors[i]];
      // A file of votes may begin a little after the run.
      const hasErrors = error !== undefined && error !== NO_VOTE_YET;
      if (!this.#own.has(name) || this.#count === 0 || (directed > 0 && !hasErrors)) return [];
      return [[name, { directed, last: (error ?? this.#lastReasons[i] ?? "").slice(0, MAX_LAST) }]];
    });
    return quiet.length === 0 ? {} : { quiet: Object.fromEntries(quiet) };
  }

  /** What the samples of each provider have in common; nothing if no question was asked several times. */
  get samples(): Pick<ChunkCounters, "samples"> {
    return this.#samples.size === 0 ? {} : { samples: Object.fromEntries(this.#samples) };
  }

  #write(line: string): void {
    const needed = this.#size + BYTES_PER_UNIT * line.length;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#bytes.length + needed);
      larger.set(this.bytes);
      this.#bytes = larger;
    }
    this.#size += encoder.encodeInto(line, this.#bytes.subarray(this.#size)).written;
  }
}
