// Invariants of finding the cluster:
// - the order is --kubeconfig, KUBECONFIG, service account, ~/.kube/config;
// - what was named and is broken is an error, never passed over.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadClusterConfig } from "../../src/config/load.ts";
import { selfSigned } from "./certificate.ts";
import { folderWith } from "./support.ts";

const kubeconfig = (server: string) =>
  `{current-context: c, clusters: [{name: c, cluster: {server: "${server}"}}], users: [{name: u}], ` +
  "contexts: [{name: c, context: {cluster: c, user: u}}]}";

const setUp = async () => {
  const home = await folderWith({ flag: kubeconfig("https://flag"), variable: kubeconfig("https://variable") });
  await mkdir(join(home, ".kube"));
  await writeFile(join(home, ".kube", "config"), kubeconfig("https://home"));
  const serviceAccountFolder = await folderWith({ token: "one", "ca.crt": selfSigned("ca").cert });
  const pod = { KUBERNETES_SERVICE_HOST: "pod", KUBERNETES_SERVICE_PORT: "443" };
  return { home, serviceAccountFolder, pod, flag: join(home, "flag"), variable: join(home, "variable") };
};

describe("the cluster is that of", () => {
  test("--kubeconfig before all", async () => {
    const { home, pod, flag, variable, serviceAccountFolder } = await setUp();
    const env = { ...pod, KUBECONFIG: variable, HOME: home };
    const config = await loadClusterConfig({ flags: { kubeconfig: flag }, env, serviceAccountFolder });
    expect(config.server).toBe("https://flag");
  });

  test("KUBECONFIG before the service account", async () => {
    const { home, pod, variable, serviceAccountFolder } = await setUp();
    const env = { ...pod, KUBECONFIG: variable, HOME: home };
    expect((await loadClusterConfig({ env, serviceAccountFolder })).server).toBe("https://variable");
  });

  test("the service account before the home folder", async () => {
    const { home, pod, serviceAccountFolder } = await setUp();
    const env = { ...pod, KUBECONFIG: "", HOME: home };
    const config = await loadClusterConfig({ flags: { kubeconfig: "" }, env, serviceAccountFolder });
    expect(config.server).toBe("https://pod:443");
  });

  test("the home folder at last", async () => {
    const { home, serviceAccountFolder } = await setUp();
    const config = await loadClusterConfig({ env: { HOME: home }, serviceAccountFolder });
    expect(config.server).toBe("https://home");
  });
});

describe("an error is", () => {
  test("a --kubeconfig that is not there, whatever else is", async () => {
    const { home, pod, variable, serviceAccountFolder } = await setUp();
    const env = { ...pod, KUBECONFIG: variable, HOME: home };
    const loaded = loadClusterConfig({ flags: { kubeconfig: "/no/file" }, env, serviceAccountFolder });
    await expect(loaded).rejects.toThrow("cannot read /no/file: no such file");
  });

  test("a KUBECONFIG of which no file is there, whatever else is", async () => {
    const { home, pod, serviceAccountFolder } = await setUp();
    const env = { ...pod, KUBECONFIG: "/no/file", HOME: home };
    await expect(loadClusterConfig({ env, serviceAccountFolder })).rejects.toThrow("/no/file: no such file");
  });

  test("nothing to be found: one line says what was tried", async () => {
    const loaded = loadClusterConfig({ env: { HOME: "/no/home" } });
    await expect(loaded).rejects.toThrow(
      "no cluster configuration: --kubeconfig and KUBECONFIG are not set; not in a cluster: KUBERNETES_SERVICE_HOST " +
        "and _PORT are not set; /no/home/.kube/config: no such file",
    );
  });

  test("a Pod without a token and without a kubeconfig: one line names the token", async () => {
    const { pod } = await setUp();
    const loaded = loadClusterConfig({ env: pod, serviceAccountFolder: "/no/folder" });
    await expect(loaded).rejects.toThrow(
      /in the cluster: cannot read \/no\/folder\/\S+: no such file; no home folder$/,
    );
  });
});
