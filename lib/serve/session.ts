/** A program that decides with memory and reports its trades. */
import { decisionId } from "../backtest/decide.ts";
import type { Config } from "../config/config.ts";
import type { SessionDecision } from "../memory/session-outcome.ts";
import type { Memory } from "../memory/store.ts";
import type { EmbeddedTrade } from "../memory/trade.ts";
import { MemoryView } from "../memory/view.ts";
import { settleAll } from "../util/async.ts";
import type { DecideParams, OpenSessionParams, RecordOutcomeParams, SituationParam } from "./params.ts";
import {
  checkDecision,
  checkNextTime,
  checkNotAhead,
  checkTrade,
  checkTradeTime,
  decisionRisk,
  iso,
  isSameDecision,
  NO_RISK,
  VoteReader,
} from "./session-checks.ts";
import {
  identifySession,
  type SessionIdentity,
  sessionSettings,
  type SessionSettings,
  startOf,
} from "./session-identity.ts";
import {
  alreadyOpen,
  type Answer,
  type CloseResult,
  type DecideResult,
  lostDecisions,
  type RecordedTrade,
  resultOf,
  takenId,
  unknownDecision,
  unlessTaken,
} from "./session-results.ts";
import { recall, SessionJudge } from "./session-judge.ts";
import { SessionRun } from "./session-run.ts";
import { outcomeOf } from "./session-trade.ts";
import { changeBy, viewOptionsOf } from "./session-view.ts";
import { type KnownSituation, SituationReader } from "./situation.ts";

export interface SessionOptions {
  readonly memory: Memory;
  /** What sessions keep to where they set nothing. */
  readonly config: Config;
  /** The clock, epoch ms. */
  readonly now: () => number;
  /** What programs call the session by. */
  readonly name: string;
  /** Waits for what sessions are storing: a trade that cannot be stored leaves memory then. */
  readonly settle: () => Promise<unknown>;
  /** The session that has a run open. */
  readonly findOpen: (runId: string) => Promise<Session | undefined>;
}

export class Session {
  readonly params: OpenSessionParams;
  readonly #options: SessionOptions;
  readonly #settings: SessionSettings;
  readonly #judge: SessionJudge;
  #situations: SituationReader;
  readonly #votes: VoteReader;
  #run: SessionRun | undefined;

  private constructor(params: OpenSessionParams, options: SessionOptions & { settings: SessionSettings }) {
    this.params = params;
    this.#options = options;
    this.#settings = options.settings;
    this.#judge = new SessionJudge(this.#settings);
    this.#votes = new VoteReader(params.providers);
    this.#situations = this.#newReader();
  }

  /**
   * Opens a session, or returns the live one that is open already. A backtest without a `start` begins with its first decision, or
   * the entry of its first trade.
   */
  static async open(params: OpenSessionParams, options: SessionOptions): Promise<Session> {
    const settings = await sessionSettings(options.config, params.settings);
    const session = new Session(params, { ...options, settings });
    const startMs = params.mode === "live" ? options.now() : params.start;
    return startMs === undefined ? session : session.#begin(startMs);
  }

  get name(): string {
    return this.#options.name;
  }

  /** What it sees of memory; `undefined` before it begins. */
  get view(): MemoryView | undefined {
    return this.#run?.view;
  }

  /** The run that it is; `undefined` before it begins. */
  get run(): SessionRun | undefined {
    return this.#run;
  }

  /** Whether it takes no more calls: a backtest whose files lack decisions that it answered. */
  get isLost(): boolean {
    return this.params.mode === "backtest" && this.#run?.writes.failure !== undefined;
  }

  /** Waits for the writes under way; their failure is known already. */
  async settle(): Promise<void> {
    await this.#run?.writes.settle().catch(() => {});
  }

  /**
   * Lets a session go on after a write that failed. A live one is read from its files, as after a crash: they have all that it answered.
   *
   * @throws {CarryoverError} `READ_ONLY` for a backtest that is lost.
   */
  async recover(method: string): Promise<void> {
    const failed = this.#run;
    if (failed?.writes.failure === undefined) return;
    if (this.isLost) throw lostDecisions(method, failed.writes.failure.error);
    await this.#options.settle();
    await this.#open({ ...failed.identity, isKnown: true });
    failed.closeView();
  }

  /** What it makes of values about an asset. */
  describe(method: string, sent: { asset: string; asOf: number; values: SituationParam }): KnownSituation {
    return this.#situations.read(method, sent);
  }

  /** Makes a trade of another session visible to a live one. */
  see(trade: EmbeddedTrade): void {
    const { mode, market } = this.params;
    if (this.#run === undefined || mode !== "live") return;
    const change = changeBy(trade, { trades: this.#options.memory.trades, market, runId: this.#run.id });
    if (change === "added") this.#run.see(trade);
    if (change === "replaces") this.learnAnew();
  }

  /** Lets a live session learn by the trades and forget marks of now. A backtest keeps to those of its beginning. */
  learnAnew(): void {
    if (this.params.mode === "live") this.#run?.closeView();
  }

  async decide(params: DecideParams): Promise<Answer<DecideResult>> {
    const { asset, as_of: asOf } = params;
    const known = this.#situations.read("decide", { ...params, asOf, values: params.situation ?? {} });
    const votes = this.#votes.read("decide", params.votes);
    const { stopAtr } = this.#settings.backtest.risk;
    const risk = decisionRisk(params, { situation: known.situation, stopAtr });
    this.#assertNotAhead("decide", asOf);
    const run = await this.#begun(asOf);
    const id = params.decision_id ?? decisionId(run.id, { asset, timestamp: asOf });
    const asked = { id, asset, asOf, known, votes, risk };
    const before = run.decisions.get(id);
    if (before !== undefined) {
      const sentence = params.description === undefined ? undefined : known.sentence;
      if (!isSameDecision(before, { ...asked, situation: known.situation, sentence })) throw takenId("decide", id);
      return { result: resultOf(before, await recall(run.view, asked)), durable: run.writes.pending() };
    }
    if (this.params.mode === "backtest") checkNextTime("decide", asOf, run.nowMs);
    if (params.decision_id !== undefined) this.#assertFree("decide", id, run);
    run.enter(asOf);
    const { decision, recalled } = await this.#judge.decide(run, asked);
    this.#situations.remember(asset, known.situation);
    return { result: resultOf(decision, recalled), durable: run.addDecision(decision) };
  }

  async record(params: RecordOutcomeParams): Promise<RecordedTrade> {
    checkTrade(params);
    this.#assertNotAhead("record_outcome", params.as_of);
    // A backtest that begins with a trade begins when that did.
    const run = await this.#begun(params.entry_timestamp);
    const id = params.decision_id ?? decisionId(run.id, { asset: params.asset, timestamp: params.entry_timestamp });
    const recordedIn = run.recorded.get(id);
    if (recordedIn === undefined && this.params.mode === "backtest") checkTradeTime(params, run);
    const { decision, isNew } = await this.#decisionOf(run, id, params);
    if (recordedIn === undefined) run.enter(params.as_of);
    const outcome = outcomeOf(params, {
      decision,
      runId: run.id,
      chunk: recordedIn ?? run.chunk,
      market: this.params.market,
      stopAtr: this.#settings.backtest.risk.stopAtr,
      earlier: () => run.view.visible(params.exit_timestamp),
    });
    const { trade, durable } = await unlessTaken(id, () => run.addOutcome(outcome));
    // Only now: of a trade that is refused no decision is kept.
    const decided = isNew ? run.addDecision(decision) : run.writes.pending();
    const { realized_pnl, pnl_percentage, result_r, r_basis } = outcome;
    const figures = { decision_id: id, realized_pnl, pnl_percentage, result_r, r_basis };
    const result = { ...figures, already_recorded: recordedIn !== undefined };
    return { result, durable: settleAll([decided, durable]), trade };
  }

  async close(): Promise<CloseResult> {
    const run = await this.#begun(this.#options.now());
    try {
      return { run_id: run.id, ...(await run.close()) };
    } catch (error) {
      // It has a last chunk, and may lack files of it.
      run.writes.fail(error);
      throw error;
    }
  }

  /** Makes durable what there is, at the end of the server. */
  async stop(): Promise<void> {
    // After a failure the files of a live one have all that it answered. A backtest can store no more.
    await (this.#run?.writes.failure === undefined ? this.#run?.stop() : this.settle());
  }

  async #begun(startMs: number): Promise<SessionRun> {
    if (this.#run === undefined) await this.#begin(startMs);
    return this.#run!;
  }

  /** @returns This session, or the live one that is open already. */
  async #begin(startMs: number): Promise<Session> {
    const { params } = this;
    const { memory, findOpen, settle } = this.#options;
    await settle();
    const identity = await identifySession({ params, settings: this.#settings, memory, startMs });
    const open = await findOpen(identity.id);
    if (open === undefined) {
      await this.#open(identity);
      return this;
    }
    if (params.mode === "backtest" || !identity.isKnown) throw alreadyOpen(open.name);
    return open;
  }

  async #open(identity: SessionIdentity): Promise<void> {
    const { params } = this;
    const settings = this.#settings;
    const startMs = Date.parse(startOf(identity.key));
    const { memory } = this.#options;
    const newView = (): MemoryView =>
      new MemoryView(memory, viewOptionsOf({ params, settings, startMs, runId: identity.id }));
    this.#run = await SessionRun.open({ memory, newView, identity, params, settings, startMs });
    this.#situations = this.#newReader();
    for (const { asset, situation } of this.#run.decisions.values()) this.#situations.remember(asset, situation);
  }

  #newReader(): SituationReader {
    return new SituationReader({ features: this.#settings.memory.recallFeatures });
  }

  /**
   * The decision behind a trade: an earlier one, or one that is made now as of the entry, from the votes.
   *
   * @returns `isNew`: whether it is to be added yet.
   */
  async #decisionOf(
    run: SessionRun,
    id: string,
    params: RecordOutcomeParams,
  ): Promise<{ decision: SessionDecision; isNew: boolean }> {
    const { asset, entry_timestamp: asOf, votes: sent } = params;
    const before = run.decisions.get(id);
    if (sent === undefined) {
      if (before === undefined) throw unknownDecision(id);
      checkDecision(before, params);
      return { decision: before, isNew: false };
    }
    const votes = this.#votes.read("record_outcome", sent);
    const known = this.#situations.read("record_outcome", { ...params, asOf, values: params.situation ?? {} });
    if (before !== undefined) {
      const sentence = params.description === undefined ? undefined : known.sentence;
      const now = { asset, asOf, votes, situation: known.situation, sentence };
      // A decision that was asked for has its own time.
      if (!isSameDecision({ ...before, timestamp: iso(asOf) }, now)) throw takenId("record_outcome", id);
      return { decision: before, isNew: false };
    }
    if (params.decision_id !== undefined) this.#assertFree("record_outcome", id, run);
    run.enter(params.as_of);
    const { decision } = await this.#judge.decide(run, { id, asset, asOf, known, votes, risk: NO_RISK });
    this.#situations.remember(asset, known.situation);
    return { decision, isNew: true };
  }

  #assertNotAhead(method: string, asOf: number): void {
    if (this.params.mode === "live") checkNotAhead(method, asOf, this.#options.now());
  }

  #assertFree(method: string, id: string, run: SessionRun): void {
    const taken = this.#options.memory.find(id);
    if (taken !== undefined && taken.runId !== run.id) throw takenId(method, id);
  }
}
