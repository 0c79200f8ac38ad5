/**
 * Language models for every engine, through the `fetch` and the `Storage` that are passed in. On Bun, Node and Deno `carryover/node`
 * has them with keys from the environment and answers on disk.
 *
 * @module
 */
export { languageModel, type LanguageModelEnvironment, type LanguageModelOptions } from "./job/language-model.ts";
export { recordAnswers, type RecordAnswersOptions, type Recording } from "./providers/recorded/recording.ts";
export type { QuestionCounts } from "./providers/recorded/recorder-reports.ts";
