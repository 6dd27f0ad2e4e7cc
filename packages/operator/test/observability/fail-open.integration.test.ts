/*
 * The webhooks as they are shipped, in a cluster where nobody answers them.
 *
 * Invariants:
 * - Each call that an API server lets pass unanswered is counted by it, under the name and labels that PcmcWebhookFailsOpen looks for.
 * - The alert looks for every webhook that is shipped.
 */
import { readFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { eventually } from "../integration/support/eventually.ts";
import { useWorld } from "../integration/support/world.ts";
import { path, rules } from "./support/committed.ts";

const world = useWorld();
const WEBHOOKS = path("manifests/webhooks.yaml");

interface Configuration {
  readonly webhooks?: readonly { readonly name: string }[];
}

const shipped = parseAllDocuments(readFileSync(WEBHOOKS, "utf8")).flatMap((document) => {
  const { webhooks = [] }: Configuration = document.toJS() ?? {};
  return webhooks.map(({ name }) => name);
});

/** The names that the alert looks for; both its backslashes and those of Prometheus' strings are doubled. */
const sought = (): RegExp => {
  const { expr = "" } = rules().find(({ alert }) => alert === "PcmcWebhookFailsOpen") ?? {};
  const [, pattern = ""] = /apiserver_admission_webhook_fail_open_count\{name=~"([^"]*)"\}/.exec(expr) ?? [];
  return new RegExp(`^(?:${pattern.replaceAll("\\\\", "\\")})$`);
};

beforeAll(async () => {
  await world.cluster.kubectl(["apply", "--filename", path("crd"), "--filename", WEBHOOKS]);
  await world.cluster.kubectl(["wait", "--for=condition=Established", "crd", "--all"]);
});

test("the alert looks for all webhooks, and for none of others", () => {
  expect(shipped.length).toBe(3);
  expect(shipped.filter((name) => !sought().test(name))).toEqual([]);
  expect(sought().test("validate.shop.example.com")).toBe(false);
});

test("the API server counts the calls that it lets pass, as the alert has them", { timeout: 120_000 }, async () => {
  const { cluster } = world;
  const { name: namespace } = await world.namespace();
  let round = 0;
  // Until the API server has heard of the configurations.
  await eventually("calls of all webhooks are counted", async () => {
    const name = `unasked-${round++}`;
    const metadata = { name, annotations: { "watch.example.com/inject": "logs" } };
    const containers = [{ name: "main", image: "example.com/never-pulled" }];
    await cluster.request("POST", `/api/v1/namespaces/${namespace}/pods`, { metadata, spec: { containers } });
    await cluster.request("POST", `/apis/podconfig.example.com/v1alpha1/namespaces/${namespace}/podconfigmapconfigs`, {
      apiVersion: "podconfig.example.com/v1alpha1",
      kind: "PodConfigMapConfig",
      metadata: { name },
      spec: {},
    });
    await cluster.request("POST", `/apis/watch.example.com/v1alpha1/namespaces/${namespace}/watchers`, {
      apiVersion: "watch.example.com/v1alpha1",
      kind: "Watcher",
      metadata: { name },
      spec: { container: { name: "log-agent", image: "example.com/log-agent:1" } },
    });
    const { stdout } = await cluster.kubectl(["get", "--raw", "/metrics"]);
    const lines = [...stdout.matchAll(/^apiserver_admission_webhook_fail_open_count\{(.*)\} [1-9]\d*$/gm)];
    const counted = lines.map(([, labels = ""]) => /\bname="([^"]*)"/.exec(labels)?.[1]);
    expect(counted.sort()).toEqual(shipped.toSorted());
    return true;
  });
});
