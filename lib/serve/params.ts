/** What each method takes. */
import { standIn, unlessInDoubt } from "../config/quick-check.ts";
import { problemsOf } from "../config/problems.ts";
import type { Action, Market, TradeAction } from "../types.ts";
import { ParamError, refuseParam } from "./param-error.ts";
import { paramSchemas, type ParamSchemas } from "./param-schemas.ts";
import { withoutNulls } from "./without-nulls.ts";

/** `backtest`: simulated time, which only goes on. `live`: the clock's time. */
type SessionMode = "backtest" | "live";

/** A provider's vote. One with an `error` abstains. */
export interface VoteParam {
  readonly provider: string;
  readonly action?: Action | undefined;
  readonly confidence?: number | undefined;
  readonly reason?: string | undefined;
  readonly error?: string | undefined;
}

/** Numbers and words by name. */
export type SituationParam = Readonly<Record<string, number | string>>;

export interface OpenSessionParams {
  readonly engine: string;
  readonly mode: SessionMode;
  readonly market: Market;
  readonly providers: readonly string[];
  /** Epoch ms. */
  readonly start?: number | undefined;
  readonly resume?: boolean | undefined;
  /** Keys of the configuration. */
  readonly settings?: SettingsParam | undefined;
}

/** Parts of a configuration, to be checked as config.yaml is. */
export interface SettingsParam {
  readonly portfolio_memory?: Record<string, unknown>;
  readonly backtest?: Record<string, unknown>;
}

/** What is known of a situation. */
interface SituationParams {
  readonly asset: string;
  readonly situation?: SituationParam | undefined;
  readonly description?: string | undefined;
}

export interface DecideParams extends SituationParams {
  readonly session: string;
  readonly decision_id?: string | undefined;
  /** Epoch ms, as all times. */
  readonly as_of: number;
  readonly votes: readonly VoteParam[];
  readonly price?: number | undefined;
  readonly stop?: number | undefined;
  readonly atr?: number | undefined;
}

export interface RecordOutcomeParams extends SituationParams {
  readonly session: string;
  readonly decision_id?: string | undefined;
  readonly votes?: readonly VoteParam[] | undefined;
  readonly action: TradeAction;
  readonly entry_timestamp: number;
  readonly exit_timestamp: number;
  readonly entry_price: number;
  readonly exit_price: number;
  readonly raw_entry_price?: number | undefined;
  readonly raw_exit_price?: number | undefined;
  readonly position_size: number;
  readonly fees: number;
  readonly stop_price?: number | undefined;
  readonly target_price?: number | undefined;
  readonly atr?: number | undefined;
  readonly exit_reason: string;
  readonly as_of: number;
}

export interface RecallParams {
  readonly query?: string | undefined;
  readonly situation?: SituationParam | undefined;
  readonly as_of: number;
  readonly k: number;
  readonly asset?: string | undefined;
  readonly regime?: string | undefined;
  readonly session?: string | undefined;
}

export interface WeightsParams {
  readonly as_of: number;
  readonly situation?: SituationParam | undefined;
  readonly session?: string | undefined;
}

export interface RecordsParams {
  readonly as_of: number;
  readonly regime?: string | undefined;
  readonly session?: string | undefined;
}

export interface ForgetParams {
  readonly provider: string;
  readonly before?: number | undefined;
}

export interface SessionParams {
  readonly session: string;
}

/** What each method takes, by its name. */
export interface MethodParams {
  readonly open_session: OpenSessionParams;
  readonly decide: DecideParams;
  readonly record_outcome: RecordOutcomeParams;
  readonly close_session: SessionParams;
  readonly recall_trades: RecallParams;
  readonly provider_weights: WeightsParams;
  readonly provider_records: RecordsParams;
  readonly memory_stats: Readonly<Record<string, never>>;
  readonly forget_provider: ForgetParams;
}

/** A method, by its name. */
export type MethodName = keyof MethodParams;

const QUICK = paramSchemas(standIn);
/** Made when parameters are refused for the first time. */
let full: Promise<ParamSchemas> | undefined;

/**
 * Checks the parameters of a method. A value of `null` counts as absent.
 *
 * @throws {ParamError} Naming the first field that is wrong, and all others in its message.
 */
export async function parseParams<Name extends MethodName>(method: Name, params: unknown): Promise<MethodParams[Name]> {
  const sent = withoutNulls(params);
  if (sent === undefined)
    throw refuseParam(method, "params", {
      found: "maps or lists too deep in one another",
      expected: "at most 32 levels",
    });
  const quick = unlessInDoubt(() => QUICK[method].safeParse(sent).data);
  if (quick !== undefined) return quick as MethodParams[Name];
  full ??= import("zod").then(({ z }) => paramSchemas(z));
  const parsed = (await full)[method].safeParse(sent, { reportInput: true });
  if (parsed.success) return parsed.data as MethodParams[Name];
  const problems = parsed.error.issues.flatMap(problemsOf);
  const told = problems.map(
    ({ found, place, expected }) =>
      `found ${found}${place.replace("the file", "the parameters")}, expected ${expected}`,
  );
  const field = problems[0]!.path.map((part, i) =>
    typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`,
  );
  throw new ParamError(`Cannot ${method}: ${told.join("; ")}`, { field: field.join("") });
}
