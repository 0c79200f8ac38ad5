/** What compare-memory prints about models that may know the period already. */
import {
  type FormFigures,
  knowledgeVerdict,
  type PeriodKnowledge,
  QUESTION_FORMS,
} from "../../lib/experiments/known-period.ts";
import type { Interval } from "../../lib/stats/bootstrap.ts";
import { paint } from "../cli/terminal.ts";
import { count, fixed, pct, signed } from "./numbers.ts";
import { columns, section, table, words } from "./table.ts";

/** The sections of one model: its votes, what they gain, and what that says. */
export function knowledgeSections(knowledge: PeriodKnowledge): string[] {
  const { provider, model } = knowledge;
  const rows = knowledge.parts.flatMap(({ part, forms }) =>
    QUESTION_FORMS.flatMap((form) => {
      const figures = forms[form];
      return figures === undefined
        ? []
        : [{ label: part === "whole" ? form : `  ${part.replace(" cutoff", "")}`, form, figures }];
    }),
  );
  const ordered = QUESTION_FORMS.flatMap((form) => rows.filter((row) => row.form === form));
  return [
    section(
      `Votes of ${provider} (${model}) on the same decisions, asked in other forms`,
      table(
        [words(""), ...columns("decisions", "same vote", "95 % interval", "direction", "95 % interval")],
        ordered.map(({ label, figures }) => [label, ...voteCells(figures)]),
      ),
    ),
    section(
      "What they gain within a day, in ATR",
      table(
        [words(""), ...columns("as asked", "in this form", "difference", "95 % interval", "p")],
        ordered.map(({ label, figures }) => [label, ...gainCells(figures)]),
      ) + `\n${paragraph(knowledge)}`,
    ),
  ];
}

function voteCells({ decisions, agree, same_direction: direction }: FormFigures): string[] {
  const share = (interval: Interval | null): string[] =>
    interval === null
      ? ["-", "too few"]
      : [pct(100 * interval.estimate), `${pct(100 * interval.low)} to ${pct(100 * interval.high)}`];
  const signedCells =
    direction === null
      ? ["-", "too few"]
      : [signed(direction.estimate, 2), `${signed(direction.low, 2)} to ${signed(direction.high, 2)}`];
  return [count(decisions), ...share(agree), ...signedCells];
}

function gainCells({ plain_gain: plain, form_gain: form, plain_minus_form: difference }: FormFigures): string[] {
  const cells =
    difference === null
      ? ["-", "too few", "-"]
      : [
          signed(difference.estimate, 3),
          `${signed(difference.low, 3)} to ${signed(difference.high, 3)}`,
          difference.p_value < 0.001 ? "<0.001" : fixed(difference.p_value, 3),
        ];
  return [signed(plain, 3), signed(form, 3), ...cells];
}

/** A model whose masked votes agree more than this does not need names and dates for them. */
const HIGH_AGREEMENT = 0.8;

/** Characters of a line of the verdict. */
const WIDTH = 80;

/** The verdict in words. */
function paragraph(knowledge: PeriodKnowledge): string {
  const sentences = [verdictOf(knowledge), ...cutoffSentences(knowledge), ...noiseSentences(knowledge)];
  const lines = [""];
  for (const word of sentences.join(" ").split(" ")) {
    const line = lines.at(-1)!;
    if (line !== "" && line.length + word.length + 1 > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  const [first, ...rest] = lines;
  const { provider } = knowledge;
  return `${[first!.replace(provider, paint(provider, "bold")), ...rest].join("\n")}\n`;
}

function verdictOf(knowledge: PeriodKnowledge): string {
  const { provider, parts } = knowledge;
  const { masked, mirrored } = parts[0]!.forms;
  const turns = mirrored?.same_direction ?? null;
  switch (knowledgeVerdict(knowledge)) {
    case "remembers":
      return (
        `${provider} seems to know the period: its votes gain ${signed(masked!.plain_minus_form!.estimate, 2)} ATR a day ` +
        "more where it sees names, dates and price levels."
      );
    case "keeps its direction":
      return (
        `${provider} does not follow the data: with inverted prices it keeps its direction, ` +
        ((masked?.agree?.low ?? 0) > HIGH_AGREEMENT
          ? "and it votes the same where names and dates are hidden: it leans to one side."
          : "from memory or because it leans to one side.")
      );
    case "follows the data":
      return (
        `${provider} follows the data: it turns round with inverted prices` +
        (masked?.agree
          ? `, and votes the same in ${pct(100 * masked.agree.estimate)} where names and dates are hidden.`
          : ".")
      );
    case "no difference shown":
      return turns === null && mirrored !== undefined
        ? `${provider} votes too seldom to tell whether it knows the period.`
        : `${provider} shows nothing that this much data can tell from chance.`;
  }
}

function cutoffSentences({ model, knowledge_cutoff: cutoff, parts }: PeriodKnowledge): string[] {
  if (cutoff === null) return [`The knowledge cutoff of ${model} is unknown (set knowledge_cutoff).`];
  const [before, after] = ["before cutoff", "after cutoff"].map(
    (name) => parts.find(({ part }) => part === name)?.forms.masked?.plain_minus_form,
  );
  if (!before || !after) return [];
  return [
    `Names and dates are worth ${signed(before.estimate, 2)} ATR a day before its cutoff, ${cutoff}, and ` +
      `${signed(after.estimate, 2)} after it.`,
  ];
}

function noiseSentences({ own_noise: noise }: PeriodKnowledge): string[] {
  if (noise === null) return [];
  return [`Of two answers to the very same question, ${pct(noise.differing_pct)} differ: that much is its own noise.`];
}
