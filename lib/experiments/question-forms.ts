/** Asks the language models of a run every question in other forms as well. The run itself stays as it is. */
import { type InMemoryJob, seriesOf } from "../backtest/job.ts";
import type { LlmConfig, ProviderConfig } from "../config/config.ts";
import { CarryoverError } from "../errors.ts";
import { knowledgeCutoff } from "../providers/recorded/knowledge-cutoffs.ts";
import type { Provider } from "../providers/provider.ts";
import type { RecordedProvider } from "../providers/recorded/recorder.ts";
import type { Answer, DecisionContext, Situation } from "../types.ts";
import { DAY_MS } from "../util/time.ts";
import { mirroredContext, MirroredMarket, turnedBack } from "./mirror.ts";
import {
  moveWithinDay,
  type PairedVotes,
  type PeriodKnowledge,
  periodKnowledge,
  type QuestionForm,
} from "./known-period.ts";

/** The models of a run, asked in several forms on the same decisions. */
export class FormedQuestions {
  readonly #models: ReadonlyMap<string, LlmConfig>;
  readonly #forms: readonly QuestionForm[];
  readonly #job: InMemoryJob;
  readonly #market: MirroredMarket;
  readonly #votes = new Map<string, PairedVotes[]>();

  /**
   * @param job Its bars are mirrored.
   * @throws {CarryoverError} `BAD_USAGE` if no model can be asked in one of the forms.
   */
  constructor(
    job: InMemoryJob,
    { providers, forms }: { providers: readonly ProviderConfig[]; forms: readonly QuestionForm[] },
  ) {
    const models = providers.filter((provider) => provider.type === "llm");
    for (const form of forms) {
      if (models.some((model) => isAsked(model, form))) continue;
      const found = models.length === 0 ? 'no provider of the type "llm"' : "only models that are masked already";
      throw new CarryoverError(
        "BAD_USAGE",
        `Cannot use --arms ${form}: found ${found}, expected one that can be asked`,
      );
    }
    this.#models = new Map(models.map((model) => [model.name, model]));
    this.#forms = forms;
    this.#job = job;
    this.#market = new MirroredMarket(job.series, { regimesAdapt: job.memorySettings.enabled });
  }

  /** The job, whose models are asked in all forms. */
  job(): InMemoryJob {
    return { ...this.#job, providers: this.#job.providers.map((provider) => this.#asking(provider)) };
  }

  /** What the forms say about each model. */
  knowledge({ draws }: { draws: number }): readonly PeriodKnowledge[] {
    const blockDays = Math.ceil(this.#job.settings.risk.maxHoldingMs / DAY_MS);
    return [...this.#votes].map(([provider, votes]) => {
      const { model, knowledge_cutoff: cutoff = knowledgeCutoff(model) } = this.#models.get(provider)!;
      return periodKnowledge({ provider, model, cutoff, votes }, { blockDays, draws });
    });
  }

  #asking(provider: Provider): Provider {
    const model = this.#models.get(provider.name);
    if (model === undefined || !("voteAs" in provider)) return provider;
    const { voteAs } = provider as RecordedProvider;
    const votes: PairedVotes[] = [];
    this.#votes.set(provider.name, votes);
    const forms = this.#forms.filter((form) => isAsked(model, form));
    return {
      ...provider,
      vote: async (situation, context) => {
        const ask = (form: QuestionForm): Promise<Answer> =>
          form === "masked" ? voteAs(situation, context, { mask: true }) : this.#mirrored(voteAs, situation, context);
        const [plain, ...others] = await Promise.all([voteAs(situation, context, {}), ...forms.map(ask)]);
        votes.push({
          asset: situation.asset,
          timestamp: situation.timestamp,
          plain,
          forms: Object.fromEntries(forms.map((form, i) => [form, others[i]!])),
          move: moveWithinDay(situation, seriesOf(this.#job, situation.asset)),
        });
        return plain;
      },
    };
  }

  async #mirrored(voteAs: RecordedProvider["voteAs"], situation: Situation, context: DecisionContext): Promise<Answer> {
    const mirrored = this.#market.situation(situation);
    return turnedBack(await voteAs(mirrored, mirroredContext(context, situation.close), {}));
  }
}

function isAsked({ mask }: LlmConfig, form: QuestionForm): boolean {
  return form !== "masked" || !mask;
}
