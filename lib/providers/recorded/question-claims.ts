/** Answers that several machines share, so that none pays for a question that another one asks. */
import type { Storage } from "../../storage/storage.ts";

/** What recorded answers need of their folder. */
export type AnswerFiles = Pick<Storage, "read" | "createOnce" | "list">;

/** Keeps several machines from asking one question at a time. */
export interface QuestionClaims {
  /**
   * Waits until nobody else asks a question. Its answer may be there then.
   *
   * @returns Lets others ask it.
   */
  claim(key: string, signal: AbortSignal): Promise<() => Promise<void>>;
}

/** A place where several machines keep the answers of their models. */
export interface SharedAnswers extends QuestionClaims {
  /** A folder of this machine, filled from the shared place and copied to it. */
  over(local: AnswerFiles): AnswerFiles;
}
