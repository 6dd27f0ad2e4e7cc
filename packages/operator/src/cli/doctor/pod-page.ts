import type { Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { METRICS_PORT } from "../../ebpf/agent/names.ts";
import { type BoundedAnswer, messageIn } from "../top/bounded-get.ts";
import { printable } from "../top/printable.ts";
import type { Reader } from "./reader.ts";
import { NOT_ASKED, type Seen } from "./seen.ts";

/** What a Pod of ours serves, asked for through the API server: whoever asks needs no way to the nodes. */
export const podPage = (reader: Reader, pod: Stored<Pod>, path: string): Promise<Seen<BoundedAnswer>> => {
  const { name, namespace = "" } = pod.metadata;
  const ports = pod.spec?.containers.flatMap((container) => container.ports ?? []) ?? [];
  const port = ports.find((each) => each.name === METRICS_PORT)?.containerPort;
  if (port === undefined) return Promise.resolve({ kind: "unread", why: `it has no port named ${METRICS_PORT}` });
  if (pod.status?.phase !== "Running") return Promise.resolve(NOT_ASKED);
  const url = `/api/v1/namespaces/${namespace}/pods/${name}:${port}/proxy${path}`;
  return reader.ask(url, `get pods/proxy in namespace ${namespace}`, "text/plain, application/json");
};

/** The lines of `/readyz` that say no; undefined where all say yes. */
export const refusalIn = ({ status, text }: BoundedAnswer): string | undefined => {
  if (status === 200) return undefined;
  const lines = text.split("\n").filter((line) => line.startsWith("[-]"));
  if (lines.length > 0) return printable(lines.map((line) => line.slice(3)).join("; "));
  return printable(`it answers ${status}: ${messageIn(text) ?? text}`);
};
