import type { Action } from "@pcmc/devcluster";

/** Labels and annotations as users set them; null takes one off. */
export type Values = Readonly<Record<string, string | null>>;

/** A spec, or a merge patch of one: null takes a field out. */
export type SpecPatch = Readonly<Record<string, object | null>>;

/** What a hand may do to a ConfigMap. */
export type Edit =
  | "add-data"
  | "change-data"
  | "remove-data"
  | "add-binary-data"
  | "add-label"
  | "strip-labels"
  | "strip-owner"
  | "make-immutable";

/** What users do, past the manager. A pair names the ConfigMap of its readable name. */
export type UserStep =
  /** `held`: with a finalizer, so that its deletion takes until it is released. */
  | {
      readonly do: "create-pod";
      readonly pod: string;
      readonly labels: Values;
      readonly annotations: Values;
      readonly held?: true;
    }
  | { readonly do: "label-pod"; readonly pod: string; readonly labels: Values }
  | { readonly do: "annotate-pod"; readonly pod: string; readonly annotations: Values }
  | { readonly do: "set-phase"; readonly pod: string; readonly phase: string }
  | { readonly do: "delete-pod"; readonly pod: string }
  /** Takes off what holds a Pod that is deleted. */
  | { readonly do: "release-pod"; readonly pod: string }
  /** The same name, another UID. */
  | { readonly do: "replace-pod"; readonly pod: string; readonly labels: Values }
  | { readonly do: "create-config"; readonly config: string; readonly spec: SpecPatch }
  | { readonly do: "change-config"; readonly config: string; readonly spec: SpecPatch }
  | { readonly do: "delete-config"; readonly config: string }
  | { readonly do: "edit-configmap"; readonly pod: string; readonly config: string; readonly edit: Edit }
  | { readonly do: "delete-configmap"; readonly pod: string; readonly config: string }
  /** Somebody else's ConfigMap under a name that is ours to give; `labelled`: with one of our labels. */
  | { readonly do: "foreign-configmap"; readonly pod: string; readonly config: string; readonly labelled: boolean };

/** Collections that a manager reads or writes. */
export type Collection = "pods" | "configmaps" | "podconfigmapconfigs" | "leases";

/** What happens to a manager and to its way to the API server. */
export type FaultStep =
  /** The next `times` requests of a kind fare as `how` says. */
  | {
      readonly do: "fault";
      readonly replica: number;
      readonly on: "watch" | "write" | "any";
      readonly of?: Collection;
      readonly times: number;
      readonly how: Action;
    }
  | { readonly do: "break-connections"; readonly replica: number }
  /** All faults on its way end, and what hangs in them breaks. */
  | { readonly do: "calm"; readonly replica: number }
  /** Its watch is refused, and lists anew: the old state of `age` lists ago. */
  | { readonly do: "rewind"; readonly replica: number; readonly of: Collection; readonly age: number }
  | { readonly do: "kill-manager"; readonly replica: number }
  | { readonly do: "stop-manager"; readonly replica: number }
  | { readonly do: "start-manager"; readonly replica: number }
  /** SIGSTOP: a virtual machine that is moved, a node without CPU. */
  | { readonly do: "pause-manager"; readonly replica: number }
  | { readonly do: "resume-manager"; readonly replica: number }
  | {
      readonly do: "restart-server";
      readonly component: "kube-apiserver" | "etcd";
      /** Milliseconds between its SIGKILL and its start. */
      readonly downFor: number;
    }
  /** A stranger writes itself into the Lease, by a clock that is `skewHours` off. */
  | { readonly do: "steal-lease"; readonly skewHours: number }
  /** The times in the Lease move, the holder stays. */
  | { readonly do: "skew-lease"; readonly skewHours: number }
  | { readonly do: "delete-lease" };

/** What passes time. */
export type PauseStep =
  | { readonly do: "wait"; readonly ms: number }
  /** Until the managers that run say that they are ready, or for some seconds. */
  | { readonly do: "await-ready" };

/** One thing that happens. What is not possible just then does not happen: a story without some of its steps is a story. */
export type Step = UserStep | FaultStep | PauseStep;

/** What happens to one namespace and to the managers that look after it. Plain data. */
export interface Story {
  readonly seed: number;
  /** Managers that run at the same time. Several elect a leader. */
  readonly replicas: number;
  readonly steps: readonly Step[];
}

/** A step as one line that a person can read. */
export const describeStep = ({ do: verb, ...details }: Step): string => {
  const words = Object.entries(details).map(([key, value]) => `${key}=${word(value)}`);
  return [verb, ...words].join(" ");
};

const word = (value: unknown): string => {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length <= 120 ? text : `${text.slice(0, 117)}...`;
};
