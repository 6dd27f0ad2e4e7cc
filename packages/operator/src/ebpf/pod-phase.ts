import type { Pod } from "kubernetes-types/core/v1.d.ts";

/** Whether the Pod's containers have ended and never come back. */
export const hasEnded = ({ status }: Pod): boolean => status?.phase === "Succeeded" || status?.phase === "Failed";
