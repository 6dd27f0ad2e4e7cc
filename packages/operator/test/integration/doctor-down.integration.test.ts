/*
 * `pcmc doctor` on an installation whose manager has died, and on ever less of it, against a real API server.
 *
 * Invariants:
 * - A manager that died without a word is told by its Lease, by webhooks that do not answer, and by its own pages; no more.
 * - What is wrong besides is found beside that: each fault adds exactly its own finding, with what to do.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAuthority, issueLeaf } from "../../../controller-runtime/src/webhook/certificate-authority.ts";
import { AFFILIATE } from "../../src/podlogreader/names.ts";
import { NAME } from "../../src/rbac/names.ts";
import type { Told } from "./support/diagnosis.ts";
import { DoctorStage, ownAddress } from "./support/doctor-stage.ts";
import { SECRET } from "./support/webhook-process.ts";

const ADMISSION = "/apis/admissionregistration.k8s.io/v1";
const VALIDATING = `${ADMISSION}/validatingwebhookconfigurations/${NAME}`;
const MUTATING = `${ADMISSION}/mutatingwebhookconfigurations/${NAME}`;
const DEPLOYMENT = `/apis/apps/v1/namespaces/default/deployments/${NAME}`;
const LEASE = "/apis/coordination.k8s.io/v1/namespaces/default/leases/podconfigmap-controller-lock";
const DAY = 86_400_000;
const STRATEGIC = { contentType: "application/strategic-merge-patch+json" };

/** What a dead manager is told by. */
const DEAD = ["endpoints.metrics", "endpoints.readyz", "leader.alive", "webhooks.answers"];

const skip = ownAddress === undefined;

describe.skipIf(skip)(
  `doctor of a manager that died${skip ? " (skipped: this machine has no address but loopback)" : ""}`,
  () => {
    let stage: DoctorStage;

    beforeAll(async () => {
      stage = await DoctorStage.create();
      await stage.start();
      await stage.finds([]);
      await stage.kill();
      await stage.finds(DEAD);
    });
    afterAll(() => stage?.stop());

    const findsBesides = async (...ids: string[]): Promise<readonly Told[]> => {
      const found = await stage.finds([...DEAD, ...ids]);
      return found.filter(({ id }) => ids.includes(id));
    };

    interface Configuration {
      readonly webhooks: readonly { readonly clientConfig: object }[];
    }

    /** Sets the caBundle of all webhooks. */
    const setBundle = async (caBundle: string | undefined) => {
      for (const path of [VALIDATING, MUTATING]) {
        const { webhooks } = await stage.cluster.request<Configuration>("GET", path);
        const changed = webhooks.map(({ clientConfig, ...webhook }) => {
          const { caBundle: _, ...rest } = { caBundle: "", ...clientConfig };
          return { ...webhook, clientConfig: { ...rest, ...(caBundle !== undefined && { caBundle }) } };
        });
        await stage.merge(path, { webhooks: changed });
      }
    };

    /** An authority and a serving certificate of it, that end at this time from now. */
    const certificates = async (life: number) => {
      const times = { notBefore: Date.now() - 30 * DAY, notAfter: Date.now() + life };
      const issuer = await createAuthority({ organization: NAME, ...times });
      const leaf = await issueLeaf({ issuer, names: [`${NAME}-webhook.default.svc`], ...times });
      return { ca: base64(issuer.cert), leaf: base64(leaf.cert) };
    };
    const base64 = (text: string) => Buffer.from(text).toString("base64");

    test("nobody leads: it says who did, for how long nothing was heard, and exits with 1", async () => {
      const { bad, code } = await stage.diagnose();
      const pod = (await stage.pod()).metadata.name;
      expect(code).toBe(1);
      expect(bad.find(({ id }) => id === "leader.alive")).toMatchObject({
        status: "failed",
        message: expect.stringMatching(new RegExp(`^nobody leads: ${pod}_\\S+ has not renewed the Lease for \\d+ s`)),
        remedy: expect.stringContaining("see above why no replica is ready"),
      });
      expect(bad.find(({ id }) => id === "webhooks.answers")).toMatchObject({
        status: "failed",
        message: expect.stringContaining("it does not reach the webhook"),
        remedy: expect.stringContaining("port 9443"),
      });
    });

    test("a holder that is no Pod of this installation is told while it holds", async () => {
      const before = await stage.cluster.request<{ spec: object }>("GET", LEASE);
      const renewTime = new Date(Date.now() + 3_600_000).toISOString().replace("Z", "000Z");
      await stage.merge(LEASE, { spec: { holderIdentity: "laptop_1", renewTime } });
      const found = await stage.finds([...DEAD.filter((id) => id !== "leader.alive"), "leader.pod"]);
      expect(found.find(({ id }) => id === "leader.pod")).toMatchObject({
        status: "failed",
        message: "the leader laptop_1 is no Pod of this installation",
      });
      await stage.merge(LEASE, { spec: before.spec });
      await findsBesides();
    });

    test("a caBundle of another authority, none at all, and certificates that have expired or soon will", async () => {
      const secret = await stage.cluster.request<{ data: object }>("GET", SECRET);
      const [fresh, old, ending] = await Promise.all([
        certificates(90 * DAY),
        certificates(-DAY),
        certificates(3 * DAY),
      ]);
      await setBundle(fresh.ca);
      expect(await findsBesides("webhooks.certificate")).toMatchObject([
        {
          status: "failed",
          message: expect.stringContaining("does not verify the certificate"),
          remedy: expect.stringContaining("the leader renews"),
        },
      ]);
      await setBundle(undefined);
      expect((await findsBesides("webhooks.ca-bundle"))[0]).toMatchObject({
        message: expect.stringContaining("has no caBundle"),
      });
      await stage.merge(SECRET, { data: { "tls.crt": ending.leaf } });
      await setBundle(ending.ca);
      expect(await findsBesides("webhooks.certificate")).toMatchObject([
        { status: "warning", message: expect.stringMatching(/ends in [23] days and was not renewed/) },
      ]);
      await stage.merge(SECRET, { data: { "tls.crt": old.leaf } });
      await setBundle(old.ca);
      expect((await findsBesides("webhooks.certificate", "webhooks.ca-bundle")).map(({ message }) => message)).toEqual([
        ...Array(3).fill(expect.stringContaining("has expired")),
        expect.stringContaining("the certificate in Secret default/podconfigmap-controller-webhook-cert has expired"),
      ]);
      await stage.cluster.request("DELETE", SECRET);
      await setBundle(fresh.ca);
      expect((await findsBesides("webhooks.certificate"))[0]).toMatchObject({
        message: expect.stringContaining("is missing"),
      });
      const { data } = secret;
      await stage.cluster.request("POST", SECRET.slice(0, SECRET.lastIndexOf("/")), {
        metadata: { name: `${NAME}-webhook-cert` },
        data,
      });
      await setBundle(Object.entries(data).find(([key]) => key === "ca.crt")?.[1]);
      await findsBesides();
    });

    test("a Service of the webhooks without an endpoint, and none at all", async () => {
      const path = `/api/v1/namespaces/default/services/${NAME}-webhook`;
      const { metadata } = await stage.cluster.request<{ metadata: { labels: object; name: string } }>("GET", path);
      await stage.cluster.request("DELETE", path);
      expect((await findsBesides("webhooks.service"))[0]).toMatchObject({
        message: `Service default/${NAME}-webhook is missing`,
      });
      const spec = { selector: { app: "nobody" }, ports: [{ name: "webhook", port: 443 }] };
      const { name, labels } = metadata;
      await stage.cluster.request("POST", "/api/v1/namespaces/default/services", { metadata: { name, labels }, spec });
      expect((await findsBesides("webhooks.service"))[0]).toMatchObject({
        message: expect.stringContaining("no ready endpoint"),
      });
      await stage.merge(path, {
        spec: { type: "ExternalName", externalName: "localhost", clusterIP: null, clusterIPs: null, selector: null },
      });
      await findsBesides();
    });

    test("a labelled Deployment without its Role, and a Watcher that nobody has looked at", async () => {
      const template = {
        metadata: { labels: { app: "web", [AFFILIATE.label]: AFFILIATE.value } },
        spec: { containers: [{ name: "main", image: "example.com/never-pulled" }] },
      };
      const deployments = "/apis/apps/v1/namespaces/default/deployments";
      await stage.cluster.request("POST", deployments, {
        metadata: { name: "web" },
        spec: { replicas: 0, selector: { matchLabels: { app: "web" } }, template },
      });
      expect(await findsBesides("resources.podlogreader")).toMatchObject([
        { status: "failed", message: "labelled for podlogreader and without a Role: default/web" },
      ]);
      await stage.cluster.request("DELETE", `${deployments}/web`);
      const watchers = "/apis/watch.example.com/v1alpha1/namespaces/default/watchers";
      await stage.cluster.request("POST", watchers, {
        apiVersion: "watch.example.com/v1alpha1",
        kind: "Watcher",
        metadata: { name: "logs" },
        spec: { container: { name: "logs", image: "example.com/logs" } },
      });
      expect(await findsBesides("resources.watchers")).toMatchObject([
        { status: "failed", message: "Watcher default/logs is not Ready: no controller has looked at it yet" },
      ]);
      const status = {
        observedGeneration: 1,
        injected: 0,
        missed: 1,
        missedPods: [{ name: "web-1", reason: "CreatedBefore" }],
        conditions: [
          { type: "Ready", status: "True", reason: "Ready", message: "", lastTransitionTime: new Date().toISOString() },
        ],
      };
      await stage.merge(`${watchers}/logs/status`, { status });
      expect(await findsBesides("resources.missed-pods")).toMatchObject([
        { status: "warning", message: expect.stringContaining("default/logs: 1 Pod, such as web-1 (CreatedBefore)") },
      ]);
      await stage.cluster.request("DELETE", `${watchers}/logs`);
      await findsBesides();
    });

    test("a Pod that no node takes is told with the scheduler's reason and what to do", async () => {
      const strategy = { type: "Recreate", rollingUpdate: null };
      const template = { spec: { nodeSelector: { "example.com/nowhere": "true" } } };
      await stage.cluster.request("PATCH", DEPLOYMENT, { spec: { strategy, template } }, STRATEGIC);
      const gone = await stage.finds(["leader.alive", "webhooks.answers", "install.replicas"]);
      expect(gone.find(({ id }) => id === "install.replicas")).toMatchObject({
        status: "failed",
        message: expect.stringMatching(/^0 of 1 replica ready: Pod \S+: no node takes it: 0\/1 nodes are available/),
        remedy: expect.stringContaining("nodeSelector"),
      });
    });

    test("settings that stop the manager are told before its log is read", async () => {
      const env = [{ name: "CONTROLLER_POD_WORKERS", value: "many" }];
      const patch = { spec: { template: { spec: { containers: [{ name: "manager", env }] } } } };
      await stage.cluster.request("PATCH", DEPLOYMENT, patch, STRATEGIC);
      const { bad } = await stage.diagnose();
      expect(bad.find(({ id }) => id === "install.settings")).toMatchObject({
        status: "failed",
        message: expect.stringContaining("CONTROLLER_POD_WORKERS"),
      });
    });

    test("without the Deployment that is what is missing, and what depends on it is not guessed at", async () => {
      await stage.cluster.request("DELETE", DEPLOYMENT);
      const [found, ...more] = await stage.finds(["install.found", "leader.lease"]);
      expect(found).toMatchObject({ status: "failed", remedy: expect.stringContaining("helm install") });
      expect(more).toMatchObject([{ id: "leader.lease", status: "skipped" }]);
    });
  },
);
