import { readFileSync } from "node:fs";
import type { Cluster } from "@pcmc/devcluster";
import { parse } from "yaml";
import { eventually } from "../integration/support/eventually.ts";

const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/** The committed CustomResourceDefinition, as text. */
export const committedWatcherDefinition = (): string =>
  readFileSync(new URL("../../../../crd/watcher_crd.yaml", import.meta.url), "utf8");

/** Applies it; resolves when the API server serves Watchers: then it is established. */
export const installWatchers = async (cluster: Cluster): Promise<void> => {
  await cluster.request("POST", DEFINITIONS, parse(committedWatcherDefinition()));
  await eventually("the API server serves watchers", () =>
    cluster.request("GET", "/apis/watch.example.com/v1alpha1/watchers"),
  );
};
