import {
  type AdmissionContext,
  type AdmissionRequest,
  type Clock,
  silentLogger,
  startDeadline,
  systemClock,
} from "@pcmc/controller-runtime";
import { TemplateError, type TemplateErrorFields } from "@pcmc/gotemplate";
import type { Finding } from "../../src/admission/finding.ts";
import { describeFinding } from "../../src/admission/finding.ts";
import type { TemplateEngine } from "../../src/admission/template-engine.ts";

/** What an engine says of one source, where it has something to say. */
export interface Said {
  readonly error?: Omit<TemplateErrorFields, "key" | "reason"> & Partial<Pick<TemplateErrorFields, "reason">>;
  readonly reads?: readonly (readonly string[])[] | "whole";
}

const pathsOf = ({ reads = [] }: Said): readonly (readonly string[])[] => (reads === "whole" ? [] : reads);

/** An engine that says of each source what is given here, and nothing of the others. It counts what it is asked. */
export const engineThatSays = (said: Readonly<Record<string, Said>> = {}) => {
  const asked: string[][] = [];
  const engine: TemplateEngine = {
    compileAll: async (sources) => {
      const keys = Object.keys(sources);
      asked.push(keys);
      const of = (key: string): Said => said[sources[key] ?? ""] ?? {};
      return {
        errors: keys.flatMap((key) => {
          const { error } = of(key);
          return error === undefined ? [] : [new TemplateError({ reason: "syntax", ...error, key })];
        }),
        reads: keys.some((key) => of(key).reads === "whole")
          ? { kind: "whole" }
          : { kind: "paths", paths: keys.flatMap((key) => pathsOf(of(key))) },
        render: async () => ({ values: {}, errors: [] }),
      };
    },
  };
  return { engine, asked };
};

/** An engine that finds nothing. */
export const contentEngine = engineThatSays().engine;

export const lines = (findings: readonly Finding[]): readonly string[] =>
  findings.map((finding) => `${finding.severity} ${describeFinding(finding)}`);

/** What the API server sends when somebody creates `object`. */
export const createRequest = (object: Readonly<Record<string, unknown>>): AdmissionRequest => ({
  uid: "7f1c",
  kind: { group: "podconfig.example.com", version: "v1alpha1", kind: "PodConfigMapConfig" },
  resource: { group: "podconfig.example.com", version: "v1alpha1", resource: "podconfigmapconfigs" },
  subResource: "",
  requestKind: undefined,
  requestResource: undefined,
  requestSubResource: "",
  name: "a",
  namespace: "default",
  operation: "CREATE",
  userInfo: { username: "alice", groups: ["dev"] },
  object,
  oldObject: undefined,
  dryRun: false,
  options: undefined,
});

/** What a handler gets beside the request, with so much time. */
export const contextOf = (milliseconds: number, clock: Clock): AdmissionContext => ({
  deadline: startDeadline({ clock, milliseconds, what: "webhook" }),
  log: silentLogger,
});

/** One whose time never passes. */
export const context = contextOf(4_500, { ...systemClock, now: () => 0 });
