/** A program that decides with memory and reports its trades. */
import { decisionId } from "../backtest/decide.ts";
import { judge, judgedFields } from "../backtest/judge.ts";
import { readManifests, RunFiles } from "../backtest/run-files.ts";
import { costInR } from "../backtest/sizing.ts";
import type { Config } from "../config/config.ts";
import { undefinedIfCorrupt } from "../errors.ts";
import type { SessionDecision } from "../memory/session-outcome.ts";
import type { Memory } from "../memory/store.ts";
import type { EmbeddedTrade } from "../memory/trade.ts";
import { MemoryView } from "../memory/view.ts";
import type { Costs } from "../settings.ts";
import type { MemoryContext, Vote } from "../types.ts";
import type { DecideParams, OpenSessionParams, RecordOutcomeParams, SituationParam } from "./params.ts";
import { refuseParam } from "./param-error.ts";
import {
  checkNextTime,
  checkTrade,
  type DecisionRisk,
  decisionRisk,
  iso,
  isSameDecision,
  NO_RISK,
  VoteReader,
} from "./session-checks.ts";
import { identifySession, sessionSettings, type SessionSettings, startOf } from "./session-identity.ts";
import {
  type Answer,
  type CloseResult,
  type DecideResult,
  type RecordResult,
  resultOf,
  takenId,
  unknownDecision,
  unlessTaken,
} from "./session-results.ts";
import { SessionRun } from "./session-run.ts";
import { outcomeOf } from "./session-trade.ts";
import { type KnownSituation, SituationReader } from "./situation.ts";

export interface SessionOptions {
  readonly memory: Memory;
  /** What sessions keep to where they set nothing. */
  readonly config: Config;
  /** The clock, epoch ms. */
  readonly now: () => number;
}

/** How far a program's clock may be ahead of the server's. */
const CLOCK_TOLERANCE_MS = 1000;

export class Session {
  readonly params: OpenSessionParams;
  readonly #options: SessionOptions;
  readonly #settings: SessionSettings;
  readonly #costs = new Map<string, Costs>();
  readonly #situations: SituationReader;
  readonly #votes: VoteReader;
  #run: SessionRun | undefined;

  private constructor(params: OpenSessionParams, options: SessionOptions & { settings: SessionSettings }) {
    this.params = params;
    this.#options = options;
    this.#settings = options.settings;
    this.#votes = new VoteReader(params.providers);
    this.#situations = new SituationReader({ features: this.#settings.memory.recallFeatures });
  }

  /** Opens a session. A backtest without a `start` begins with its first decision, or the entry of its first trade. */
  static async open(params: OpenSessionParams, options: SessionOptions): Promise<Session> {
    const settings = await sessionSettings(options.config, params.settings);
    const session = new Session(params, { ...options, settings });
    if (params.mode === "live") await session.#begin(options.now());
    else if (params.start !== undefined) await session.#begin(params.start);
    return session;
  }

  /** What it sees of memory; `undefined` before it begins. */
  get view(): MemoryView | undefined {
    return this.#run?.view;
  }

  /** The run's id; `undefined` before it begins. */
  get runId(): string | undefined {
    return this.#run?.id;
  }

  /** What it makes of values about an asset. */
  describe(method: string, sent: { asset: string; asOf: number; values: SituationParam }): KnownSituation {
    return this.#situations.read(method, sent);
  }

  /** Makes a trade of another live session visible. */
  see(trade: EmbeddedTrade): void {
    if (this.params.mode === "live" && trade.market === this.params.market) this.view?.add(trade);
  }

  /** Lets a live session learn by the forget marks of now. A backtest keeps to those of its beginning. */
  learnAnew(): void {
    if (this.params.mode === "live") this.#run?.replaceView(this.#newView(Infinity));
  }

  async decide(params: DecideParams): Promise<Answer<DecideResult>> {
    const { asset, as_of: asOf } = params;
    const known = this.#situations.read("decide", { ...params, asOf, values: params.situation ?? {} });
    const votes = this.#votes.read("decide", params.votes);
    const { stopAtr } = this.#settings.backtest.risk;
    const risk = decisionRisk(params, { situation: known.situation, stopAtr });
    this.#assertNotAhead("decide", asOf);
    const run = this.#run ?? (await this.#begin(asOf));
    const id = params.decision_id ?? decisionId(run.id, { asset, timestamp: asOf });
    const asked = { id, asset, asOf, known, votes, risk };
    const before = run.decisions.get(id);
    if (before !== undefined) {
      const sentence = params.description === undefined ? undefined : known.sentence;
      if (!isSameDecision(before, { ...asked, situation: known.situation, sentence })) throw takenId("decide", id);
      return { result: resultOf(before, await this.#recall(run, asked)) };
    }
    this.#assertNextTime("decide", asOf, run);
    if (params.decision_id !== undefined) this.#assertFree("decide", id, run);
    run.enter(asOf);
    const { decision, recalled } = await this.#judge(run, asked);
    return { result: resultOf(decision, recalled), durable: run.addDecision(decision) };
  }

  async record(params: RecordOutcomeParams): Promise<Answer<RecordResult> & { trade: EmbeddedTrade }> {
    checkTrade(params);
    this.#assertNotAhead("record_outcome", params.as_of);
    // A backtest that begins with a trade begins when that did.
    const run = this.#run ?? (await this.#begin(params.entry_timestamp));
    const id = params.decision_id ?? decisionId(run.id, { asset: params.asset, timestamp: params.entry_timestamp });
    const recordedIn = run.recorded.get(id);
    if (recordedIn === undefined) this.#assertTime(params, run);
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
    const decided = isNew ? run.addDecision(decision) : undefined;
    const { realized_pnl, pnl_percentage, result_r, r_basis } = outcome;
    const figures = { decision_id: id, realized_pnl, pnl_percentage, result_r, r_basis };
    const result = { ...figures, already_recorded: recordedIn !== undefined };
    return { result, durable: Promise.all([decided, durable]), trade };
  }

  async close(): Promise<CloseResult> {
    const run = this.#run ?? (await this.#begin(this.#options.now()));
    return { run_id: run.id, ...(await run.close()) };
  }

  /** Makes durable what there is, at the end of the server. */
  async stop(): Promise<void> {
    await this.#run?.stop();
  }

  async #begin(startMs: number): Promise<SessionRun> {
    const { memory } = this.#options;
    const { params } = this;
    const settings = this.#settings;
    const { storage } = memory;
    const view = this.#newView(params.mode === "live" ? Infinity : startMs);
    const { carriedIn } = view;
    const known = await readManifests(storage);
    const isClosed = async (id: string): Promise<boolean> =>
      (await undefinedIfCorrupt(() => new RunFiles(storage, id).readSummary())) !== undefined;
    const identity = await identifySession({ params, settings, memory, startMs, carriedIn, known, isClosed });
    const begunMs = Date.parse(startOf(identity.key));
    this.#run = await SessionRun.open({ memory, view, identity, params, settings, startMs: begunMs });
    for (const { asset, situation } of this.#run.decisions.values()) this.#situations.remember(asset, situation);
    return this.#run;
  }

  /** @param startMs What had closed by then is visible. */
  #newView(startMs: number): MemoryView {
    return new MemoryView(this.#options.memory, {
      ...this.#settings.memory,
      // A session's own sentences name them.
      recallFeatures: undefined,
      market: this.params.market,
      startMs,
      providers: this.params.providers,
    });
  }

  async #judge(run: SessionRun, asked: Asked): Promise<{ decision: SessionDecision; recalled: MemoryContext }> {
    const { id, asset, asOf, known, votes, risk } = asked;
    const { situation, sentence } = known;
    const recalled = await this.#recall(run, asked);
    const { price, risk_per_unit: riskPerUnit } = risk;
    const costR = price === null || riskPerUnit === null ? 0 : costInR(this.#costsOf(asset), { price, riskPerUnit });
    const judged = judge({ situation, votes }, { lessons: run.view.lessons(asOf), costR });
    const decision: SessionDecision = {
      decision_id: id,
      timestamp: iso(asOf),
      asset,
      situation,
      votes,
      ...judgedFields({ judged, votes, recalled, equity: run.balance }),
      order: judged.action === "HOLD" ? "none" : "open",
      size: null,
      skipped: null,
      sentence,
      ...risk,
    };
    this.#situations.remember(asset, situation);
    return { decision, recalled };
  }

  #recall(run: SessionRun, { asOf, known }: Pick<Asked, "asOf" | "known">): Promise<MemoryContext> {
    const { builtIn, sentence, situation } = known;
    if (builtIn !== undefined) return run.view.recall(builtIn);
    return run.view.recallSentence({ asOf, regime: situation.regime, sentence });
  }

  /** The decision behind a trade: an earlier one, or one that is made now as of the entry, from the votes. */
  async #decisionOf(run: SessionRun, id: string, params: RecordOutcomeParams): Promise<DecisionBehind> {
    const { asset, entry_timestamp: asOf, votes: sent } = params;
    const before = run.decisions.get(id);
    if (sent === undefined) {
      if (before === undefined) throw unknownDecision(id);
      const refuse = (field: string, found: string, expected: string): Error =>
        refuseParam("record_outcome", field, { found, expected });
      if (before.asset !== asset)
        throw refuse("asset", JSON.stringify(asset), `the decision's, ${JSON.stringify(before.asset)}`);
      if (asOf < Date.parse(before.timestamp))
        throw refuse("entry_timestamp", iso(asOf), `the decision's time, ${before.timestamp}, or later`);
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
    const { decision } = await this.#judge(run, { id, asset, asOf, known, votes, risk: NO_RISK });
    return { decision, isNew: true };
  }

  #costsOf(asset: string): Costs {
    let costs = this.#costs.get(asset);
    if (costs === undefined) this.#costs.set(asset, (costs = this.#settings.costsOf(asset)));
    return costs;
  }

  #assertNotAhead(method: string, asOf: number): void {
    if (this.params.mode === "backtest") return;
    const now = this.#options.now();
    if (asOf <= now + CLOCK_TOLERANCE_MS) return;
    const expected = `the server's time, ${iso(now)}, or earlier, as the session is live`;
    throw refuseParam(method, "as_of", { found: iso(asOf), expected });
  }

  #assertNextTime(method: string, asOf: number, run: SessionRun): void {
    if (this.params.mode === "backtest") checkNextTime(method, asOf, run.nowMs);
  }

  /** Whether a trade that is new belongs into the session. */
  #assertTime(params: RecordOutcomeParams, run: SessionRun): void {
    this.#assertNextTime("record_outcome", params.as_of, run);
    const { entry_timestamp: entry, exit_timestamp: exit } = params;
    if (this.params.mode === "live" || (entry >= run.startMs && exit > run.startMs)) return;
    const field = entry < run.startMs ? "entry_timestamp" : "exit_timestamp";
    const expected = `a time after the session's start, ${iso(run.startMs)}: open_session takes an earlier "start"`;
    throw refuseParam("record_outcome", field, { found: iso(params[field]), expected });
  }

  #assertFree(method: string, id: string, run: SessionRun): void {
    const taken = this.#options.memory.find(id);
    if (taken !== undefined && taken.runId !== run.id) throw takenId(method, id);
  }
}

/** What a decision is made of. */
interface Asked {
  readonly id: string;
  readonly asset: string;
  readonly asOf: number;
  readonly known: KnownSituation;
  readonly votes: readonly Vote[];
  readonly risk: DecisionRisk;
}

interface DecisionBehind {
  readonly decision: SessionDecision;
  /** Whether it is to be added yet. */
  readonly isNew: boolean;
}
