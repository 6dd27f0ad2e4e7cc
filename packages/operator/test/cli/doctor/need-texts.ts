import { type Need, questionsOf, ruleText } from "../../../src/cli/doctor/operator-needs.ts";

/** A need in words. */
export interface DoctorNeed {
  readonly part: string;
  readonly namespace: string;
  /** Without names. */
  readonly rules: readonly string[];
  readonly names: readonly string[];
}

/** Needs as the questions that are asked for them. */
export const needTexts = (needs: readonly Need[]): readonly DoctorNeed[] =>
  needs.map((need) => {
    const questions = questionsOf(need);
    return {
      part: need.part,
      namespace: need.namespace,
      rules: questions.map(({ name: _, ...rest }) => ruleText(rest)),
      names: [...new Set(questions.flatMap(({ name }) => (name === undefined ? [] : [name])))],
    };
  });
