/** Decides by a session's votes and what it sees of memory. */
import { judge, judgedFields } from "../backtest/judge.ts";
import { costInR } from "../backtest/sizing.ts";
import type { SessionDecision } from "../memory/session-outcome.ts";
import type { MemoryView } from "../memory/view.ts";
import type { Costs } from "../settings.ts";
import type { MemoryContext, Vote } from "../types.ts";
import { type DecisionRisk, iso } from "./session-checks.ts";
import type { SessionSettings } from "./session-identity.ts";
import type { KnownSituation } from "./situation.ts";

/** What a decision is made of. */
export interface Asked {
  readonly id: string;
  readonly asset: string;
  readonly asOf: number;
  readonly known: KnownSituation;
  readonly votes: readonly Vote[];
  readonly risk: DecisionRisk;
}

export class SessionJudge {
  readonly #settings: SessionSettings;
  readonly #costs = new Map<string, Costs>();

  constructor(settings: SessionSettings) {
    this.#settings = settings;
  }

  async decide(
    { view, balance }: { readonly view: MemoryView; readonly balance: number },
    asked: Asked,
  ): Promise<{ decision: SessionDecision; recalled: MemoryContext }> {
    const { id, asset, asOf, known, votes, risk } = asked;
    const { situation, sentence } = known;
    const recalled = await recall(view, asked);
    const { price, risk_per_unit: riskPerUnit } = risk;
    const costR = price === null || riskPerUnit === null ? 0 : costInR(this.#costsOf(asset), { price, riskPerUnit });
    const judged = judge({ situation, votes }, { lessons: view.lessons(asOf), costR });
    const decision: SessionDecision = {
      decision_id: id,
      timestamp: iso(asOf),
      asset,
      situation,
      votes,
      ...judgedFields({ judged, votes, recalled, equity: balance }),
      order: judged.action === "HOLD" ? "none" : "open",
      size: null,
      skipped: null,
      sentence,
      ...risk,
    };
    return { decision, recalled };
  }

  #costsOf(asset: string): Costs {
    let costs = this.#costs.get(asset);
    if (costs === undefined) this.#costs.set(asset, (costs = this.#settings.costsOf(asset)));
    return costs;
  }
}

export function recall(view: MemoryView, { asOf, known }: Pick<Asked, "asOf" | "known">): Promise<MemoryContext> {
  const { builtIn, sentence, situation } = known;
  if (builtIn !== undefined) return view.recall(builtIn);
  return view.recallSentence({ asOf, regime: situation.regime, sentence });
}
