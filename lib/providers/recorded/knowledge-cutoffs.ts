/**
 * Knowledge cutoffs by model name, from the makers' model cards and documentation. A month counts to its end. A name that only
 * starts alike is another model: gpt-4-1106-preview has a later cutoff than gpt-4.
 */
const CUTOFFS: Readonly<Record<string, string>> = {
  "gpt-3.5-turbo": "2021-09-30",
  "gpt-4": "2021-09-30",
  "gpt-4-0613": "2021-09-30",
  "gpt-4-turbo": "2023-12-31",
  "gpt-4o": "2023-10-01",
  "gpt-4o-mini": "2023-10-01",
  "gpt-4.1": "2024-06-01",
  "gpt-4.1-mini": "2024-06-01",
  "gpt-4.1-nano": "2024-06-01",
  "gpt-5": "2024-09-30",
  "gpt-5-mini": "2024-05-31",
  "gpt-5-nano": "2024-05-31",
  o1: "2023-10-01",
  "o1-mini": "2023-10-01",
  o3: "2024-06-01",
  "o3-mini": "2023-10-01",
  "o4-mini": "2024-06-01",
  "gemini-2.0-flash": "2024-08-31",
  "gemini-2.0-flash-001": "2024-08-31",
  "gemini-2.0-flash-lite": "2024-08-31",
  "gemini-2.5-pro": "2025-01-31",
  "gemini-2.5-flash": "2025-01-31",
  "gemini-2.5-flash-lite": "2025-01-31",
  gemma3: "2024-08-31",
  llama2: "2023-07-31",
  llama3: "2023-12-31",
  "llama3.1": "2023-12-31",
  "llama3.2": "2023-12-31",
  "llama3.3": "2023-12-31",
  phi3: "2023-10-31",
  phi4: "2024-06-30",
};

/** A tag at the end, such as Ollama's sizes and quantizations. Not `:online`, which reads the web and has no cutoff. */
const TAG = /:(?!online$)[\w.-]+$/;
/** A date at the end: OpenAI's snapshots, which share one cutoff. */
const DAY = /-\d{4}-\d{2}-\d{2}$/;

/** The last day that a model's training data covers, `YYYY-MM-DD`; `undefined` for an unknown model. */
export function knowledgeCutoff(model: string): string | undefined {
  // Some servers prefix the maker, as in "openai/gpt-4o".
  const name = model.slice(model.lastIndexOf("/") + 1).toLowerCase();
  const plain = name.replace(TAG, "").replace(DAY, "");
  return Object.hasOwn(CUTOFFS, plain) ? CUTOFFS[plain] : undefined;
}
