import { NotFoundError, type ObjectKey, type Resource, sleep } from "@pcmc/controller-runtime";
import type { CustomResourceDefinition } from "kubernetes-types/apiextensions/v1.d.ts";
import { podConfigMapConfigResource } from "../../api/podconfigmapconfig.ts";
import { watcherResource } from "../../api/watcher.ts";
import { PodConfigMapConfigs } from "../../podconfigmap/sources.ts";
import { Watchers } from "../../watcher/watchers.ts";
import { CustomResourceDefinitions } from "../doctor/resources.ts";
import { clearConditions } from "./pod-conditions.ts";
import { callOf, counted, type Step, type StepContext } from "./step.ts";

/** Milliseconds between two looks. */
const INTERVAL = 500;

/** What agents have said of Pods, on nodes where none of them takes it back. */
export const conditionsStep: Step = {
  name: "conditions of Pods",
  run: async ({ client, clock, mode, signal }) => {
    const pods = await clearConditions({ client, clock, dryRun: mode === "look", signal });
    if (pods.length === 0) return { said: "there are none" };
    return { said: `${mode === "look" ? "clear" : "cleared"} EbpfReady of ${counted(pods.length, "Pod")}` };
  },
};

const KINDS: readonly { readonly definition: string; readonly resource: Resource }[] = [
  {
    definition: `${podConfigMapConfigResource.plural}.${podConfigMapConfigResource.group}`,
    resource: PodConfigMapConfigs,
  },
  { definition: `${watcherResource.plural}.${watcherResource.group}`, resource: Watchers },
];

/** The definitions of our kinds, and with them every object of these kinds. */
export const definitionsStep: Step = {
  name: "definitions",
  run: async (context) => {
    const gone: string[] = [];
    for (const { definition, resource } of KINDS) {
      const objects = await countOf(context, resource);
      if (!(await remove(context, { namespace: "", name: definition }))) continue;
      gone.push(`${definition} with ${counted(objects, resource.kind)}`);
    }
    if (gone.length === 0) return { said: "there are none" };
    return { said: `${context.mode === "look" ? "delete" : "deleted"} ${gone.join(", ")}` };
  },
};

const countOf = async (context: StepContext, resource: Resource): Promise<number> => {
  try {
    return (await context.client.list(resource, { project: { metadata: {} }, ...callOf(context) })).items.length;
  } catch (error) {
    if (error instanceof NotFoundError) return 0;
    throw error;
  }
};

/** Whether it was there. Gone is a definition when its objects are. */
const remove = async (context: StepContext, key: ObjectKey): Promise<boolean> => {
  const { client, clock, mode } = context;
  try {
    const { metadata } = await client.get(CustomResourceDefinitions, key, callOf(context));
    if (mode === "look") return true;
    await client.delete(CustomResourceDefinitions, key, { preconditions: { uid: metadata.uid }, ...callOf(context) });
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
  for (let left = await read(context, key); left !== undefined; left = await read(context, key)) {
    if (context.signal.aborted) throw new Error(`${key.name} does not go: ${whyNot(left)}`);
    await sleep(clock, INTERVAL);
  }
  return true;
};

/** Not bound to the step's time: the last look comes when that is over. */
const read = async ({ client }: StepContext, key: ObjectKey): Promise<CustomResourceDefinition | undefined> => {
  try {
    return await client.get(CustomResourceDefinitions, key, { timeout: 15_000 });
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
};

const whyNot = ({ status }: CustomResourceDefinition): string => {
  const { message } = status?.conditions?.find(({ type }) => type === "Terminating") ?? {};
  const said = message === undefined ? "" : `the API server says "${message}"; `;
  return `${said}look for objects of it with a finalizer of others, or wait and run this again`;
};
