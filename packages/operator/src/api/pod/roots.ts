import { coreType } from "./open-api.ts";

/** The types of the Pod API that a Watcher is made of. */
export const POD_API_ROOTS: readonly string[] = ["Container", "LocalObjectReference", "Volume"].map(coreType);
