/*
 * Invariants, on a real API server with the committed CRD:
 * - It is small enough for a plain kubectl apply, is established, and kubectl explain knows every field of a container.
 * - The Pod API's schemas that it is made of are those of the pinned version.
 * - What is stored is what was applied, but for the defaults of Watchers and ports.
 * - What an API server would drop of a Watcher's container is told from its own schemas.
 */
import { Client, systemClock } from "@pcmc/controller-runtime";
import { type Cluster, DEFAULT_VERSION, isAtLeast, since, startCluster } from "@pcmc/devcluster";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CORE_OPEN_API, type OpenApiDocument, reachable } from "../../src/api/pod/open-api.ts";
import { POD_API_VERSION, podApiSchemas } from "../../src/api/pod/pod-api.ts";
import { POD_API_ROOTS } from "../../src/api/pod/roots.ts";
import { ServerPodApi } from "../../src/api/pod/server-pod-api.ts";
import type { Watcher } from "../../src/api/watcher.ts";
import { Watchers } from "../../src/watcher/watchers.ts";
import { eventually } from "../integration/support/eventually.ts";
import { fixedConfig } from "../integration/support/manager.ts";
import { fullContainer, fullVolumes } from "./pod-parts.ts";
import { small, watcher } from "./watcher-corpus.ts";

const CRD = new URL("../../../../crd/", import.meta.url).pathname;

const generated = since(DEFAULT_VERSION, "the version that the schemas are generated from");

let cluster: Cluster;
let client: Client;

beforeAll(async () => {
  cluster = await startCluster({ controllerManager: false });
  // As `make install-crd` does: by client-side apply, which keeps a copy of the object in an annotation.
  await cluster.kubectl(["apply", "-f", CRD]);
  await eventually("watchers are served", () => cluster.request("GET", "/apis/watch.example.com/v1alpha1/watchers"));
  await eventually("kubectl explain knows them", async () => {
    const { exitCode } = await cluster.kubectl(["explain", "watcher"]);
    return exitCode === 0;
  });
  client = new Client(fixedConfig(cluster));
});

afterAll(async () => {
  client?.close();
  await cluster?.stop();
});

test("a second apply of the same file changes nothing", async () => {
  const { stdout } = await cluster.kubectl(["apply", "-f", CRD]);
  expect(stdout.trim().split("\n")).toEqual([
    "customresourcedefinition.apiextensions.k8s.io/podconfigmapconfigs.podconfig.example.com unchanged",
    "customresourcedefinition.apiextensions.k8s.io/watchers.watch.example.com unchanged",
  ]);
});

test.skipIf(generated.missing)(
  `the Pod API that the CRD is made of is that of this API server${generated.note}`,
  async () => {
    const { components } = await cluster.request<OpenApiDocument>("GET", CORE_OPEN_API);
    expect(POD_API_VERSION).toBe(DEFAULT_VERSION);
    expect(podApiSchemas).toEqual(reachable(components.schemas, POD_API_ROOTS));
  },
);

describe("kubectl explain", () => {
  const explain = async (...args: readonly string[]) => (await cluster.kubectl(["explain", ...args])).stdout;
  /** The names of fields and how deep they are; not whether one is required, which is stricter here, nor its values. */
  const fieldsOf = (explained: string) =>
    explained.split("\n").flatMap((line) => /^( +\S+)\s<.*>/.exec(line)?.slice(1) ?? []);

  test.each([
    ["container", "pod.spec.containers"],
    ["volume", "pod.spec.volumes"],
  ])("knows every field of spec.%s that it knows of %s", async (field, ofPod) => {
    const ours = fieldsOf(await explain(`watcher.spec.${field}`, "--recursive"));
    const theirs = fieldsOf(await explain(ofPod, "--recursive"));
    expect(theirs.length).toBeGreaterThan(140);
    // An older API server's are among ours, in the same order.
    if (generated.missing) expect(theirs.filter((one) => !ours.includes(one))).toEqual([]);
    else expect(ours).toEqual(theirs);
  });

  test("says what a field deep inside is for", async () => {
    const text = await explain("watcher.spec.container.securityContext.seccompProfile.localhostProfile");
    expect(text).toContain("a profile defined in a file on the node");
  });
});

test("kubectl get shows the columns of a Watcher, by its short name too", async () => {
  await client.create(Watchers, watcher("columns", { container: small }) as Watcher);
  const { stdout } = await cluster.kubectl(["get", "wch", "columns"]);
  expect(stdout.split("\n")[0]?.trim().split(/\s+/)).toEqual([
    "NAME",
    "READY",
    "INJECTED",
    "MISSED",
    "OUTDATED",
    "CONFIGMAP",
    "AGE",
  ]);
});

describe("what is stored is what was applied:", () => {
  const DEFAULTS = { injectAs: "Auto", rollout: "Never" };
  const stored = async (spec: object) => {
    const query = "?dryRun=All&fieldValidation=Strict";
    const path = `/apis/watch.example.com/v1alpha1/namespaces/default/watchers${query}`;
    return (await cluster.request<{ spec: unknown }>("POST", path, watcher("round-trip", spec))).spec;
  };

  test("a container with all fields", async () => {
    expect(await stored({ container: fullContainer })).toEqual({ container: fullContainer, ...DEFAULTS });
  });

  test.each(fullVolumes.map((volume) => [Object.keys(volume)[1] ?? "", volume] as const))(
    "a volume of %s",
    async (_, volume) => {
      expect(await stored({ container: small, volume })).toEqual({ container: small, volume, ...DEFAULTS });
    },
  );

  test("a port, with the protocol that it has in a Pod too", async () => {
    const container = (port: object) => ({ ...small, ports: [port] });
    expect(await stored({ container: container({ containerPort: 53 }) })).toEqual({
      container: container({ containerPort: 53, protocol: "TCP" }),
      ...DEFAULTS,
    });
  });
});

test("an apply of one variable by another manager leaves those of the first", async () => {
  const apply = async (manager: string, name: string) => {
    const object = watcher("shared", { container: { ...small, env: [{ name, value: manager }] } });
    const args = ["apply", "--server-side", `--field-manager=${manager}`, "-f", "-"];
    const { exitCode, stderr } = await cluster.kubectl(args, { input: JSON.stringify(object) });
    expect([exitCode, stderr]).toEqual([0, ""]);
  };
  await apply("first", "A");
  await apply("second", "B");
  const { spec } = await client.get(Watchers, { namespace: "default", name: "shared" });
  expect(spec?.container.env?.map(({ name }) => name)).toEqual(["A", "B"]);
});

/** Of the parts that are tried here, what came after the oldest version that is supported. */
const NEWER = isAtLeast("1.30") ? [] : ["spec.container.securityContext.appArmorProfile"];
const NEWER_VOLUME = isAtLeast("1.31") ? [] : ["spec.volume.image"];

describe("what the API server would drop", () => {
  test("is nothing of what it knows, and what came after it", async () => {
    const podApi = new ServerPodApi({ client, clock: systemClock });
    for (const volume of fullVolumes) {
      const { fields } = await podApi.unknownIn({ container: fullContainer, volume });
      expect(fields).toEqual(Object.keys(volume).includes("image") ? [...NEWER, ...NEWER_VOLUME] : NEWER);
    }
  });

  test("is what only a newer one knows, and it is asked once", async () => {
    const asked: string[] = [];
    const podApi = new ServerPodApi({
      client: {
        raw: (method, path, options) => {
          asked.push(`${method} ${path}`);
          return client.raw(method, path, options);
        },
      },
      clock: systemClock,
    });
    const spec = { container: { ...small, fieldOfTomorrow: 1 }, volume: { name: "v", sourceOfTomorrow: {} } };
    const { fields } = await podApi.unknownIn(spec);
    expect(fields).toEqual(["spec.container.fieldOfTomorrow", "spec.volume.sourceOfTomorrow"]);
    await podApi.unknownIn(spec);
    expect(asked).toEqual([`GET ${CORE_OPEN_API}`]);
  });

  test("is asked again after a failure", async () => {
    let fails = true;
    const podApi = new ServerPodApi({
      client: { raw: (...call) => (fails ? Promise.reject(new Error("no route")) : client.raw(...call)) },
      clock: systemClock,
    });
    await expect(podApi.unknownIn({ container: small })).rejects.toThrow("no route");
    fails = false;
    expect((await podApi.unknownIn({ container: small })).fields).toEqual([]);
  });
});
