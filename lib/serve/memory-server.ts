/** Memory for programs outside: sessions, and what can be read without one. Transports hand it requests. */
import type { Config } from "../config/config.ts";
import { fail } from "../errors.ts";
import { effectsOf, type ForgottenProvider } from "../maintenance/forget-providers.ts";
import { assertKnownProviders } from "../maintenance/recount.ts";
import { recallTrades } from "../memory/recall.ts";
import type { Memory } from "../memory/store.ts";
import { countedTrades, performanceOf, type Trade, votersOf } from "../memory/trade.ts";
import { MemoryView } from "../memory/view.ts";
import { providerEvidence } from "../results/attribution.ts";
import { toSettings } from "../config/config.ts";
import type {
  DecideParams,
  ForgetParams,
  OpenSessionParams,
  RecallParams,
  RecordOutcomeParams,
  RecordsParams,
  SessionParams,
  WeightsParams,
} from "./params.ts";
import { refuseParam } from "./param-error.ts";
import { Session } from "./session.ts";
import { iso } from "./session-checks.ts";
import type {
  Answer,
  CloseResult,
  DecideResult,
  OpenResult,
  RecallTradesResult,
  RecordResult,
  RecordsResult,
  WeightsResult,
} from "./session-results.ts";
import { isOwnNumber, SituationReader } from "./situation.ts";
import { settleAll } from "../util/async.ts";
import { groupBy } from "../util/group.ts";

export interface MemoryServerOptions {
  readonly memory: Memory;
  /** What sessions keep to where they set nothing. */
  readonly config: Config;
  /** The clock, epoch ms. */
  readonly now: () => number;
  /** Makes names of sessions that no other has. */
  readonly newName: () => string;
}

/** How many sessions may be open at once. */
const MAX_SESSIONS = 1000;

export class MemoryServer {
  readonly #options: MemoryServerOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #situations = new SituationReader();
  /** What is read without a session, until a trade or a mark is added. */
  #all: MemoryView | undefined;
  #allVoters: readonly string[] = [];

  constructor(options: MemoryServerOptions) {
    this.#options = options;
  }

  async openSession(params: OpenSessionParams): Promise<Answer<OpenResult>> {
    const name = this.#options.newName();
    const findOpen = async (runId: string): Promise<Session | undefined> => {
      const open = await this.#findOpen(runId);
      if (open === undefined) this.#assertRoomFor(name);
      return open;
    };
    const settle = (): Promise<unknown> => Promise.all([...this.#sessions.values()].map((session) => session.settle()));
    const opened = await Session.open(params, { ...this.#options, name, findOpen, settle });
    const { name: session, run } = opened;
    this.#assertRoomFor(session);
    const resumed = this.#sessions.has(session) || (run?.identity.isKnown ?? params.resume === true);
    this.#sessions.set(session, opened);
    return { result: { session, run_id: run?.id ?? null, resumed } };
  }

  async decide(params: DecideParams): Promise<Answer<DecideResult>> {
    const session = await this.#session("decide", params.session);
    return session.decide(params);
  }

  async recordOutcome(params: RecordOutcomeParams): Promise<Answer<RecordResult>> {
    const session = await this.#session("record_outcome", params.session);
    const { trade, result, durable } = await session.record(params);
    const others = (): Session[] => [...this.#sessions.values()].filter((other) => other !== session);
    this.#forgetAll();
    for (const other of others()) other.see(trade);
    const unlessFailed = durable.catch((error: unknown) => {
      // What they saw of it is not in memory.
      this.#forgetAll();
      for (const other of others()) other.learnAnew();
      throw error;
    });
    return { result, durable: unlessFailed };
  }

  async closeSession({ session: name }: SessionParams): Promise<Answer<CloseResult>> {
    const session = await this.#session("close_session", name).catch(async (error: unknown) => {
      await this.#dropIfLost(this.#sessions.get(name));
      throw error;
    });
    const result = await session.close();
    this.#sessions.delete(name);
    return { result };
  }

  async recallTrades(params: RecallParams): Promise<Answer<RecallTradesResult>> {
    const { query, situation, as_of: asOf, asset, regime, k } = params;
    if ((query === undefined) === (situation === undefined)) {
      const found = query === undefined ? "neither it nor a situation" : "it beside a situation";
      throw refuseParam("recall_trades", "query", { found, expected: "one of the two" });
    }
    const session = params.session === undefined ? undefined : await this.#session("recall_trades", params.session);
    const { memory } = this.#options;
    const reader = session ?? this.#situations;
    const values = { asset: asset ?? "it", asOf, values: situation ?? {} };
    const sentence =
      query ??
      (reader instanceof Session ? reader.describe("recall_trades", values) : reader.read("recall_trades", values))
        .sentence;
    const counted = session && { market: session.params.market, trades: session.view?.visible(asOf) ?? [] };
    const trades: readonly Trade[] = counted?.trades ?? memory.trades;
    const { similar, searched, tied, knowsWords } = await recallTrades(
      memory.storage,
      { trades, descriptions: new Map(), damaged: [], sidecar: undefined },
      { embedder: memory.embedder, sentence, k, asOfMs: asOf, asset, regime, counted },
    );
    const note = noteOnRecall(params, { knowsWords });
    return { result: { sentence, searched, tied, trades: similar, ...note } };
  }

  async providerWeights({ as_of: asOf, situation, session }: WeightsParams): Promise<Answer<WeightsResult>> {
    const { view, providers } = await this.#viewOf("provider_weights", session);
    const lessons = view?.lessons(asOf);
    const known =
      situation && this.#situations.read("provider_weights", { asset: "it", asOf, values: situation }).situation;
    const weights = known === undefined ? lessons?.weights : lessons?.weigh(known, []).weights;
    const byProvider = providers.map((name, i) => [name, weights?.[i] ?? 1 / providers.length] as const);
    const remembered = view?.remembered(asOf) ?? 0;
    return { result: { as_of: iso(asOf), remembered, weights: Object.fromEntries(byProvider) } };
  }

  async providerRecords({ as_of: asOf, regime, session }: RecordsParams): Promise<Answer<RecordsResult>> {
    const { view } = await this.#viewOf("provider_records", session);
    const remembered = view?.remembered(asOf) ?? 0;
    return { result: { as_of: iso(asOf), remembered, records: view?.records(asOf, regime) ?? {} } };
  }

  async memoryStats(): Promise<Answer> {
    const { memory } = this.#options;
    const { market, trades } = countedTrades(memory.trades);
    const newest = trades.at(-1);
    const by = (nameOf: (trade: Trade) => string): Record<string, object> =>
      Object.fromEntries(
        [...groupBy(trades, nameOf)]
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, some]) => [name, performanceOf(some)]),
      );
    const marks = memory.marks.map(({ provider, beforeMs }) => ({ provider, before: iso(beforeMs) }));
    return {
      result: {
        memory_dir: memory.storage.label,
        outcomes: memory.trades.length,
        imported: memory.trades.filter(({ crc32 }) => crc32 === null).length,
        market,
        distinct_trades: trades.length,
        newest_exit_timestamp: newest === undefined ? null : iso(newest.exitMs),
        ...performanceOf(trades),
        providers: Object.fromEntries(votersOf(trades).map((name) => [name, providerEvidence(trades, name)])),
        assets: by(({ asset }) => asset),
        regimes: by(({ regime }) => regime),
        forget_marks: marks,
        open_sessions: this.#sessions.size,
      },
    };
  }

  async forgetProvider({ provider, before }: ForgetParams): Promise<Answer<ForgottenProvider>> {
    const { memory, now } = this.#options;
    const newest = memory.trades.at(-1);
    assertKnownProviders([provider], votersOf(memory.trades));
    const mark = { provider, beforeMs: before ?? (newest?.exitMs ?? now()) + 1 };
    const [forgotten] = effectsOf([mark], memory);
    if (forgotten!.is_new) await memory.forget(mark);
    this.#forgetAll();
    for (const session of this.#sessions.values()) session.learnAnew();
    return { result: forgotten! };
  }

  /** Makes durable what open sessions have, and brings the caches up to date. */
  async stop(): Promise<void> {
    await settleAll([...this.#sessions.values()].map((session) => session.stop()));
  }

  #assertRoomFor(name: string): void {
    if (this.#sessions.size < MAX_SESSIONS || this.#sessions.has(name)) return;
    const expected = `at most ${MAX_SESSIONS}: close_session ends one`;
    throw fail("BAD_USAGE", "Cannot open_session", { found: `${MAX_SESSIONS} open sessions`, expected });
  }

  #forgetAll(): void {
    this.#all?.close();
    this.#all = undefined;
  }

  async #session(method: string, name: string): Promise<Session> {
    const session = this.#sessions.get(name);
    if (session === undefined) {
      const expected = "an open session: open_session returns one, and close_session or a new server ends it";
      throw refuseParam(method, "session", { found: JSON.stringify(name), expected, code: "NOT_FOUND" });
    }
    await session.recover(method);
    return session;
  }

  /** The session that has a run open. A backtest that is lost gives its run up. */
  async #findOpen(runId: string): Promise<Session | undefined> {
    const open = [...this.#sessions.values()].find(({ run }) => run?.id === runId);
    return (await this.#dropIfLost(open)) ? undefined : open;
  }

  async #dropIfLost(session: Session | undefined): Promise<boolean> {
    if (!session?.isLost) return false;
    await session.settle();
    return this.#sessions.delete(session.name);
  }

  /** What a session sees, or all of memory. */
  async #viewOf(
    method: string,
    name: string | undefined,
  ): Promise<{ view: MemoryView | undefined; providers: readonly string[] }> {
    if (name !== undefined) {
      const session = await this.#session(method, name);
      return { view: session.view, providers: session.params.providers };
    }
    const { memory, config } = this.#options;
    if (this.#all === undefined) {
      const { market, trades } = countedTrades(memory.trades);
      this.#allVoters = votersOf(trades);
      const settings = toSettings(config).memory;
      const providers = this.#allVoters;
      this.#all = new MemoryView(memory, {
        ...settings,
        enabled: true,
        similar: false,
        market,
        startMs: Infinity,
        providers,
      });
    }
    return { view: this.#all, providers: this.#allVoters };
  }
}

/** Says where the similarity of recalled trades means little. */
function noteOnRecall(
  { situation, asset, session }: RecallParams,
  { knowsWords }: { knowsWords: boolean },
): { note?: string } {
  if (!knowsWords) return { note: "Similarity is chance: no word of the query describes a situation" };
  const own = Object.entries(situation ?? {}).find(([name, value]) => isOwnNumber(name, value));
  if (own === undefined || (asset !== undefined && session !== undefined)) return {};
  return { note: `${own[0]} is not compared: numbers of your own are, by their rank, with a session and an asset` };
}
