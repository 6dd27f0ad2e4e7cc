import { type Case, legal, refused } from "../api/corpus.ts";

/** A spec, and what is said of it on both sides. */
export interface Judgement extends Case {
  /** What the pure function says: the field of its only error, or nothing. */
  readonly error?: string;
  /** What the API server says without the webhook: `same`, or why CEL and OpenAPI cannot say it. */
  readonly apiServer: "same" | { readonly cannotSay: string };
  /** Whether the fault breaks a rule of ours, so that both sides use the same words. */
  readonly isRule?: boolean;
}

const template = (source: string) => ({ configMapDataTemplate: { "app.conf": source } });

const TEMPLATES = { cannotSay: "CEL has no parser for Go templates" };

/** What only the webhook and the offline checks find. */
const beyondCel: readonly Judgement[] = [
  ...["{{ .podName", "{{ end }}", '{{ "open }}', "{{ if .podName }}x"].map((source) => ({
    name: `the template ${source}, which does not parse`,
    spec: template(source),
    error: "spec.configMapDataTemplate[app.conf]",
    apiServer: TEMPLATES,
  })),
  {
    name: "a template with an unknown function",
    spec: template("{{ toYml .metadata }}"),
    error: "spec.configMapDataTemplate[app.conf]",
    apiServer: TEMPLATES,
  },
];

/** Every case of the corpus, and those that CEL cannot judge. */
export const judgements: readonly Judgement[] = [
  ...legal.map((each) => ({ ...each, apiServer: "same" as const })),
  ...refused.map(({ field, says, ...each }) => ({
    ...each,
    error: field,
    isRule: says !== undefined,
    apiServer: "same" as const,
  })),
  ...beyondCel,
];
