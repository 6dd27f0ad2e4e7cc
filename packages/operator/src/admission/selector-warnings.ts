import { parseLabelSelector, type Requirement } from "../podconfigmap/selector.ts";
import { type Finding, warning } from "./finding.ts";

const PATH = ["spec", "podSelector"];

/** What all requirements of one key say together. */
interface Demand {
  /** Requirements that the label be there with one of these values. */
  readonly wanted: readonly (readonly string[])[];
  readonly unwanted: ReadonlySet<string>;
  readonly mustExist: boolean;
  readonly mustNotExist: boolean;
}

const demandOf = (requirements: readonly Requirement[]): Demand => {
  const valuesOf = (operator: Requirement["operator"]) =>
    requirements.filter((requirement) => requirement.operator === operator).map(({ values }) => values);
  return {
    wanted: valuesOf("In"),
    unwanted: new Set(valuesOf("NotIn").flat()),
    mustExist: valuesOf("Exists").length > 0,
    mustNotExist: valuesOf("DoesNotExist").length > 0,
  };
};

/** Why no label can hold to it; `undefined` where one can. NotIn alone always can: there are endless values, or none. */
const contradiction = ({ wanted, unwanted, mustExist, mustNotExist }: Demand): string | undefined => {
  if (mustNotExist && wanted.length > 0) return "it must have a value and must not exist";
  if (mustNotExist && mustExist) return "it must exist and must not exist";
  const [first, ...more] = wanted;
  if (first === undefined) return undefined;
  const common = first.filter((value) => more.every((values) => values.includes(value)));
  if (common.length === 0) return `it must be ${wanted.map(oneOf).join(" and ")}`;
  if (common.every((value) => unwanted.has(value))) return `it must be ${oneOf(common)} and must not`;
  return undefined;
};

const SHOWN = 3;
const oneOf = (values: readonly string[]): string => {
  const shown = values.slice(0, SHOWN).map((value) => JSON.stringify(value));
  return [...shown, ...(values.length > SHOWN ? [`${values.length - SHOWN} more`] : [])].join(" or ");
};

/** A warning for each label that a selector wants two ways at once: no Pod is ever selected. */
export const selectorWarnings = (podSelector: unknown): readonly Finding[] => {
  const parsed = parseLabelSelector(podSelector);
  if (!parsed.ok) return [];
  const byKey = Map.groupBy(parsed.selector.requirements, ({ key }) => key);
  return [...byKey].flatMap(([key, requirements]) => {
    const why = contradiction(demandOf(requirements));
    return why === undefined ? [] : [warning(PATH, `no Pod can match: of label ${key}, ${why}; change one of the two`)];
  });
};
