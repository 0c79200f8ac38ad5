/** The run that a session is: its view of memory, its chunks, and the files that they leave. */
import { PendingWrites } from "../backtest/pending-writes.ts";
import { persistenceOf } from "../backtest/persistence.ts";
import { outcomesDigest, RunFiles } from "../backtest/run-files.ts";
import type { SessionDecision, SessionOutcome } from "../memory/session-outcome.ts";
import type { BegunRecord, Memory } from "../memory/store.ts";
import type { EmbeddedTrade } from "../memory/trade.ts";
import type { MemoryView } from "../memory/view.ts";
import { largestMoves } from "../results/attribution.ts";
import { type Chunk, type ChunkRecord, planChunks } from "../results/chunks.ts";
import { RunSnapshots } from "../results/snapshot.ts";
import { snapshotOf, type SummaryInput } from "../results/summary.ts";
import { DAY_MS } from "../util/time.ts";
import type { OpenSessionParams } from "./params.ts";
import { accountAfter, SessionChunk } from "./session-chunk.ts";
import type { SessionIdentity, SessionSettings } from "./session-identity.ts";
import { floorDay, isSaturday, sessionSummary, sessionSummaryInput } from "./session-summary.ts";
import { readSession } from "./stored-session.ts";

export interface SessionRunOptions {
  readonly memory: Memory;
  readonly newView: () => MemoryView;
  readonly identity: SessionIdentity;
  readonly params: OpenSessionParams;
  readonly settings: SessionSettings;
  readonly startMs: number;
}

/** What was learned when a chunk began. */
type AtStart = Pick<ChunkRecord, "remembered_at_start" | "multipliers_at_start">;

export class SessionRun {
  readonly decisions: Map<string, SessionDecision> = new Map();
  /** The chunk in which each trade was recorded, by decision id. */
  readonly recorded: Map<string, string> = new Map();
  /** After one that failed, the run may differ from its files until it is opened again from them. */
  readonly writes: PendingWrites = new PendingWrites();
  readonly #options: SessionRunOptions;
  #view: MemoryView | undefined;
  readonly #files: RunFiles;
  readonly #snapshots: RunSnapshots;
  /** Of the committed chunks, in order. */
  readonly #records: ChunkRecord[] = [];
  readonly #assets = new Set<string>();
  /** The plan was made up to here, epoch ms. */
  #plannedMs = 0;
  #isOpenAtWeekends = false;
  #chunk: SessionChunk;
  #atStart: AtStart;
  #balance: number;
  /** When it last was, epoch ms. */
  #nowMs: number;
  #appending: Promise<void> | undefined;

  private constructor(options: SessionRunOptions) {
    this.#options = options;
    this.#files = new RunFiles(options.memory.storage, this.id);
    this.#snapshots = new RunSnapshots(options.memory.storage, this.id);
    this.#balance = options.settings.backtest.initialBalance;
    this.#nowMs = options.startMs;
    this.#chunk = this.#newChunk(this.#planTo(options.startMs)[0]!);
    this.#atStart = this.#learnedAtStart();
  }

  /** Opens the run's files, and brings the session to where it stopped. */
  static async open(options: SessionRunOptions): Promise<SessionRun> {
    const run = new SessionRun(options);
    if (options.identity.isKnown) await run.#resume();
    else await run.#files.writeManifest(options.identity.key);
    return run;
  }

  get id(): string {
    return this.identity.id;
  }

  get identity(): SessionIdentity {
    return this.#options.identity;
  }

  get view(): MemoryView {
    return (this.#view ??= this.#options.newView());
  }

  /** Lets the next read see memory as it is then. Many trades of others may come before that. */
  closeView(): void {
    this.#view?.close();
    this.#view = undefined;
  }

  /** Makes a trade of memory visible. */
  see(trade: EmbeddedTrade): void {
    this.#view?.add(trade);
  }

  /** Epoch ms. */
  get startMs(): number {
    return this.#options.startMs;
  }

  /** Realized so far, in account currency. */
  get balance(): number {
    return this.#balance;
  }

  /** The time to which the session has come, epoch ms. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** The chunk that is open. */
  get chunk(): string {
    return this.#chunk.chunk.name;
  }

  /** Goes on to a time. Chunks that end before it are committed, while the session goes on. */
  enter(asOf: number): void {
    this.writes.throwIfFailed();
    this.#nowMs = Math.max(this.#nowMs, asOf);
    if (asOf <= this.#plannedMs) return;
    const plan = this.#planTo(asOf);
    while (this.#records.length < plan.length - 1) {
      const next = plan[this.#records.length + 1]!;
      this.#commit(next.startMs);
      this.#chunk = this.#newChunk(next);
      this.#atStart = this.#learnedAtStart();
    }
  }

  /** @returns When the decision is durable: at once in a backtest, which can make it again. */
  addDecision(decision: SessionDecision): Promise<void> {
    this.#keep(decision);
    this.#chunk.addDecision(decision);
    return this.#options.params.mode === "live" ? this.#append() : Promise.resolve();
  }

  /** Makes a trade visible to the next decision, and begins to store it. */
  async addOutcome(outcome: SessionOutcome): Promise<BegunRecord> {
    const isNew = !this.recorded.has(outcome.decision_id);
    const begun = await this.#options.memory.beginRecord(outcome);
    if (isNew) {
      this.see(begun.trade);
      this.writes.add(begun.durable);
      this.#count(outcome);
      this.#chunk.addOutcome(outcome);
    }
    return begun;
  }

  /** Commits the open chunk and sums the session up. */
  async close(): Promise<{ chunks: number; decisions: number; outcomes: number }> {
    const { memory } = this.#options;
    this.#commit(this.#endOfDay());
    await this.writes.settle();
    await memory.flush();
    const input = this.#summaryInput();
    const finished = { job: { memory }, id: this.id, chunks: input.chunks, view: this.view, files: this.#files };
    await this.#files.writeSummary(sessionSummary(input, await persistenceOf(finished)));
    return { chunks: input.chunks.length, decisions: this.decisions.size, outcomes: this.recorded.size };
  }

  /** Makes durable what there is. The session can be continued. */
  async stop(): Promise<void> {
    await this.#append();
    await this.writes.settle();
  }

  async #resume(): Promise<void> {
    const { memory, startMs, settings } = this.#options;
    const { chunkKind } = settings;
    const stored = await readSession({ memory, files: this.#files, id: this.id, chunkKind, startMs });
    await this.#files.reopen((stored.at(-1)?.chunk ?? this.#chunk.chunk).name);
    for (const { chunk, record, decisions, outcomes, storedBytes } of stored) {
      const isLast = chunk === stored.at(-1)?.chunk;
      this.#chunk = this.#newChunk(chunk);
      this.#atStart = this.#learnedAtStart();
      for (const decision of decisions) {
        this.#keep(decision);
        this.#chunk.addDecision(decision);
        this.#nowMs = Math.max(this.#nowMs, Date.parse(decision.timestamp));
      }
      for (const outcome of outcomes) {
        this.#count(outcome, chunk.name);
        this.#chunk.addOutcome(outcome);
      }
      this.#chunk.stored = storedBytes;
      if (isLast) break;
      if (record === undefined) this.#commit(chunk.endMs);
      else this.#records.push(record);
    }
  }

  #keep(decision: SessionDecision): void {
    this.decisions.set(decision.decision_id, decision);
    this.#assets.add(decision.asset);
    if (isSaturday(Date.parse(decision.timestamp))) this.#isOpenAtWeekends = true;
  }

  #count(outcome: SessionOutcome, chunk: string = this.chunk): void {
    this.recorded.set(outcome.decision_id, chunk);
    this.#assets.add(outcome.asset_pair);
    this.#balance += outcome.realized_pnl;
    if (isSaturday(Date.parse(outcome.exit_timestamp))) this.#isOpenAtWeekends = true;
  }

  #newChunk(chunk: Chunk): SessionChunk {
    return new SessionChunk(chunk, this.#options.params.providers);
  }

  /** The chunks from the session's start to a time, the last one cut at the end of its day. What happens at midnight ends the day before. */
  #planTo(ms: number): readonly Chunk[] {
    const startMs = floorDay(this.#options.startMs);
    const endMs = floorDay(Math.max(ms - 1, startMs)) + DAY_MS;
    this.#plannedMs = endMs;
    return planChunks({ startMs, endMs }, this.#options.settings.chunkKind);
  }

  #endOfDay(): number {
    return Math.max(floorDay(Math.max(this.#nowMs - 1, 0)), this.#chunk.chunk.startMs) + DAY_MS;
  }

  #multipliers(asOf: number): Record<string, number> {
    const { providers } = this.#options.params;
    const weights = this.view.lessons(asOf)?.weights;
    return Object.fromEntries(
      providers.map((name, i) => [name, (weights?.[i] ?? 1 / providers.length) * providers.length]),
    );
  }

  #learnedAtStart(): AtStart {
    // Just after the border, what closed at it is remembered.
    const asOf = this.#chunk.chunk.startMs + 1;
    return { remembered_at_start: this.view.remembered(asOf), multipliers_at_start: this.#multipliers(asOf) };
  }

  #ownTrades(chunks: ReadonlySet<string>): readonly EmbeddedTrade[] {
    return this.#options.memory.trades.filter((trade) => trade.runId === this.id && chunks.has(trade.chunk));
  }

  /** Begins to commit the open chunk. */
  #commit(endMs: number): void {
    const chunk = this.#chunk;
    const names = new Set([...this.#records.map((record) => record.chunk), chunk.chunk.name]);
    const own = this.#ownTrades(names);
    const closed = own.filter((trade) => trade.chunk === chunk.chunk.name);
    const before = accountAfter(this.#records.at(-1), this.#options.settings.backtest.initialBalance);
    const marks = chunk.marks(before.broker.balance);
    const record = chunk.toRecord({
      base: {
        run_id: this.id,
        outcomes_digest: outcomesDigest(own),
        outcomes_so_far: own.length,
        ...this.#atStart,
        multipliers_at_end: this.#multipliers(endMs + 1),
        weight_moves: this.#options.settings.memory.enabled ? largestMoves(closed, (ms) => this.#multipliers(ms)) : [],
      },
      before,
      marks,
      endMs,
    });
    this.#records.push(record);
    const snapshot = snapshotOf(this.#summaryInput());
    const write = async (): Promise<void> => {
      // Its outcomes, and the chunk before it.
      await this.writes.pending();
      const files_crc32 = await this.#files.writeDetails(record.chunk, { decisions: chunk.decisions, marks });
      await this.#snapshots.write(snapshot, { atMs: endMs });
      await this.#files.commitChunk({ ...record, files_crc32 });
    };
    this.writes.add(write());
  }

  #summaryInput(): SummaryInput {
    const records = this.#records;
    const trades = this.#ownTrades(new Set(records.map(({ chunk }) => chunk)));
    const { id } = this;
    return sessionSummaryInput(this.#options, {
      id,
      records,
      trades,
      assets: this.#assets,
      isOpenAtWeekends: this.#isOpenAtWeekends,
    });
  }

  /** Appends the lines of decisions that are not in their file yet. Those that come meanwhile share the next append. */
  #append(): Promise<void> {
    const chunk = this.#chunk;
    const before = this.#appending ?? Promise.resolve();
    const append = before.then(async () => {
      const { decisions, stored } = chunk;
      if (decisions.length === stored) return;
      await this.#files.appendDecisions(chunk.chunk.name, stored, decisions.slice(stored));
      chunk.stored = decisions.length;
    });
    this.#appending = append;
    this.writes.add(append);
    return append;
  }
}
