import type { Config, ProviderConfig } from "../config/config.ts";
import { apiInKeys } from "../providers/recorded/llm-api.ts";
import type { Json } from "../util/json.ts";
import { sha256OfText } from "../util/sha256.ts";

/** By provider, how often its questions have been asked again, if ever. */
export type Refreshes = Readonly<Record<string, number>>;

/**
 * The configuration as it is in the run key: only what a result depends on. That excludes folders, the speed and the price
 * of asking, and the period, which the key has itself.
 */
export function keyConfig(config: Config, refreshes: Refreshes): Json {
  const { dir: _dir, model_dir: _modelDir, answers_dir: _answersDir, ...memory } = config.memory;
  const {
    data_dir: _dataDir,
    features_dir: _featuresDir,
    start: _start,
    end: _end,
    budget_usd: _budget,
    ...backtest
  } = config.backtest;
  const providers = config.providers.map((provider) => keyProvider(provider, refreshes));
  // A round trip drops what is undefined, as the manifest does.
  return JSON.parse(JSON.stringify({ ...config, memory, backtest, providers })) as Json;
}

/** A provider as it is in the run key. */
function keyProvider(config: ProviderConfig, refreshes: Refreshes): object {
  const refresh = Object.hasOwn(refreshes, config.name) ? { refresh: refreshes[config.name] } : {};
  if (config.type === "command") {
    const { name, type, command, bars, confidence_scale } = config;
    return { name, type, command, bars, confidence_scale, ...refresh };
  }
  if (config.type === "module") {
    const { on_error: _onError, ...module } = config;
    return module;
  }
  if (config.type !== "llm") return config;
  const { name, type, model, temperature, max_output_tokens, output, prompt_file, mask } = config;
  const { samples, reasoning_effort, headers, extra_body, bars } = config;
  const api = apiInKeys(config.api);
  const asked = { model, temperature, max_output_tokens, output, samples, reasoning_effort, headers, extra_body };
  return { name, type, api, ...asked, prompt_file, bars, mask, ...refresh };
}

/** What a provider's answers depend on, as a hash: the `version` of a recorded one. `files`: SHA-256 of what it was made of, by name. */
export function providerVersion(
  config: ProviderConfig,
  { refresh, files }: { refresh: number; files: Readonly<Record<string, string>> },
): string {
  const refreshes = refresh === 0 ? {} : { [config.name]: refresh };
  return sha256OfText(JSON.stringify([keyProvider(config, refreshes), files]));
}
