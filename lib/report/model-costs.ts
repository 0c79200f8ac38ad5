/** What a run's questions cost. */
import type { AnswerStore } from "../providers/recorded/recordings.ts";

/** What a provider's answers cost. */
export interface ModelCost {
  readonly provider: string;
  readonly answers: number;
  /** `null` without a price. */
  readonly usd: number | null;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** Sums over the answers that a run asked for, by provider, in order of its name. Reads every file. */
export async function modelCosts(store: Pick<AnswerStore, "answersOf">, runId: string): Promise<readonly ModelCost[]> {
  const byProvider = new Map<string, ModelCost>();
  for await (const { provider, cost_usd: cost, tokens } of store.answersOf(runId)) {
    const before = byProvider.get(provider) ?? { provider, answers: 0, usd: null, inputTokens: 0, outputTokens: 0 };
    byProvider.set(provider, {
      provider,
      answers: before.answers + 1,
      usd: cost === null ? before.usd : (before.usd ?? 0) + cost,
      inputTokens: before.inputTokens + (tokens?.input ?? 0),
      outputTokens: before.outputTokens + (tokens?.output ?? 0),
    });
  }
  return [...byProvider.values()].toSorted((a, b) => (a.provider < b.provider ? -1 : 1));
}
