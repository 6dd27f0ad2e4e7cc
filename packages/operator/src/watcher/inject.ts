import type { PatchOperation } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { Watcher } from "../api/watcher.ts";
import { type Addition, additionOf, listFor } from "./addition.ts";
import { conflictOf } from "./conflict.ts";
import { type Contender, contendersOf } from "./contenders.ts";
import { injectedIn } from "./injected.ts";
import { type Left, type Refusal, refusal } from "./left.ts";
import { PodDraft } from "./pod-draft.ts";
import { whyNotReady } from "./readiness.ts";
import { MAX_ASKED, type Request, requestedBy } from "./requests.ts";
import { whyTooNew } from "./too-new.ts";
import { whyUnusable } from "./usable.ts";

export interface InjectOptions {
  /** Whether the API server has init containers with `restartPolicy: Always` (1.29 and later). */
  readonly nativeSidecars: boolean;
  /** The API server's minor version, 29 of 1.29; `undefined` where it is not known, and is taken for a new one. */
  readonly minor?: number | undefined;
}

/** Something that is as asked for, and may not work as meant. */
export interface Note {
  readonly watcher: string;
  /** One line, without the Watcher's name. */
  readonly message: string;
}

export interface Injection {
  /** Empty = the Pod is as it should be. */
  readonly patch: readonly PatchOperation[];
  /** The Watchers whose parts the patch adds, in the order of their names. */
  readonly added: readonly Addition[];
  /** The Watchers that the Pod has after the patch, sorted by name. */
  readonly injected: readonly string[];
  /** Those that it asks for and does not get. */
  readonly left: readonly Left[];
  readonly notes: readonly Note[];
}

/**
 * What makes of a Pod that is about to be created one with all Watchers that it asks for, of those in its namespace. Pure.
 *
 * Each Watcher is judged by itself, against what is the Pod's own, so the result is the same in whatever order they come; only
 * which of two gets a port of the host goes by name. What a Pod already has stays untouched, whatever others have made of it
 * since, so a second call has nothing to add: a Pod has a Watcher when both annotations name it and its container is there.
 */
export const inject = (pod: Pod, watchers: readonly Watcher[], options: InjectOptions): Injection => {
  const { requests, invalid, beyond } = requestedBy(pod, watchers);
  const injected = presentIn(pod);
  const draft = new PodDraft(pod, containersOf(injected, watchers));
  const contenders = requests.length === 0 ? NO_CONTENDERS : contendersOf(watchers);
  const left: Left[] = invalid.map((entry) => ({ watcher: entry, ...INVALID }));
  if (beyond !== undefined) left.push({ watcher: beyond, ...TOO_MANY });
  const added: Addition[] = [];
  for (const request of requests) {
    if (injected.has(request.name)) continue;
    const wish = wishOf(request, contenders.get(request.name), options);
    const outcome = "reason" in wish ? wish : (conflictOf(wish, draft, pod.spec) ?? wish);
    if ("reason" in outcome) {
      left.push({ watcher: request.name, ...outcome });
      continue;
    }
    add(draft, outcome);
    added.push(outcome);
    injected.set(outcome.watcher, outcome.revision);
  }
  draft.annotate(injected);
  return { patch: draft.patch, added, injected: [...injected.keys()].sort(), left, notes: notesOf(pod, added) };
};

const NO_CONTENDERS: ReadonlyMap<string, Contender> = new Map();
const INVALID = refusal(
  "InvalidName",
  'this is not the name of a Watcher; names have commas between them, and "false" opts out',
);

const TOO_MANY = refusal(
  "TooMany",
  `the annotation has more than ${MAX_ASKED} entries: this one and all after it do not count`,
);

/** The names of the containers of the Watchers that a Pod has, where these can still be learned. */
const containersOf = (
  injected: ReadonlyMap<string, string>,
  watchers: readonly Watcher[],
): ReadonlyMap<string, string | undefined> => {
  if (injected.size === 0) return NO_CONTAINERS;
  const specs = new Map(watchers.map(({ metadata, spec }) => [metadata?.name, spec?.container?.name]));
  return new Map([...injected.keys()].map((watcher) => [watcher, specs.get(watcher)]));
};

const NO_CONTAINERS: ReadonlyMap<string, string | undefined> = new Map();

/**
 * What the Pod has, with the revision that it says. Without one it is not known with which content, so it is judged by its
 * content as if no annotation were there.
 */
const presentIn = (pod: Pod): Map<string, string> =>
  new Map([...injectedIn(pod)].filter(([, revision]) => revision !== ""));

/** What a Watcher would put into any Pod, or why it must not be put into one. */
const wishOf = (
  { watcher }: Request,
  contender: Contender | undefined,
  { nativeSidecars, minor = Number.POSITIVE_INFINITY }: InjectOptions,
): Addition | Refusal => {
  if (watcher === undefined) return refusal("NotFound", "there is none of that name in this namespace");
  if (contender !== undefined) {
    const { over, name: wanted, watcher: earlier } = contender;
    return refusal(
      "Contended",
      `Watcher ${JSON.stringify(earlier)} has a ${over} ${JSON.stringify(wanted)} too, and comes first`,
    );
  }
  const trouble = whyNotReady(watcher);
  if (trouble !== undefined) return refusal("NotReady", trouble);
  const { spec } = watcher;
  const fault = whyUnusable(spec) ?? (spec && whyTooNew(spec, minor));
  if (spec === undefined || fault !== undefined) return refusal("Unusable", fault ?? "it has no spec");
  const list = listFor(spec, nativeSidecars);
  if (list === undefined)
    return refusal(
      "NoNativeSidecars",
      "injectAs is Sidecar, and this API server has no native sidecars (1.29 and later have)",
    );
  return additionOf(watcher, spec, list);
};

/** Adds what is not there already. */
const add = (draft: PodDraft, { watcher, list, container, volume, pullSecret }: Addition): void => {
  if (draft.containerNamed(container.name) === undefined) draft.addContainer(list, watcher, container);
  else draft.adopt(container.name, watcher);
  if (volume !== undefined && draft.volumeNamed(volume.name) === undefined) draft.addVolume(volume);
  if (pullSecret !== undefined) draft.addPullSecret(pullSecret);
};

/** A Pod whose containers are to end (of a Job, above all) does not while a plain sidecar runs. */
const notesOf = ({ spec }: Pod, added: readonly Addition[]): readonly Note[] => {
  const policy = spec?.restartPolicy;
  if (policy !== "Never" && policy !== "OnFailure") return [];
  return added
    .filter(({ list }) => list === "containers")
    .map(({ watcher }) => ({
      watcher,
      message: `it is a plain container in a Pod with restartPolicy ${policy}, which does not complete before it ends by itself`,
    }));
};
