import type { Cluster } from "@pcmc/devcluster";
import { eventually } from "../../integration/support/eventually.ts";

/** Of our kinds, as kubectl names them. */
export const CRDS = ["podconfigmapconfigs.podconfig.example.com", "watchers.watch.example.com"].map(
  (name) => `customresourcedefinition.apiextensions.k8s.io/${name}`,
);

/**
 * Deletes the definitions of our kinds with all their objects, those that are there. An API server that finds the storage of a
 * definition not ready tries again after ever longer, up to minutes; a change of the definition has it try at once.
 */
export const deleteDefinitions = async (cluster: Cluster): Promise<void> => {
  const kubectl = async (...args: readonly string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await cluster.kubectl(args);
    if (exitCode !== 0) throw new Error(stderr);
    return stdout;
  };
  await kubectl("delete", "--ignore-not-found", "--wait=false", ...CRDS);
  let turn = 0;
  await eventually("the definitions are gone", async () => {
    const left = (await kubectl("get", "--ignore-not-found", "--output=name", ...CRDS)).split("\n").filter(Boolean);
    if (left.length > 0) await kubectl("annotate", "--overwrite", ...left, `example.com/look=${++turn}`);
    return left.length === 0;
  });
};
