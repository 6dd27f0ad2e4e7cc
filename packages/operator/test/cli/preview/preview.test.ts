/*
 * `pcmc preview` without a cluster and without templates.
 *
 * Invariants:
 * - Standard output holds ConfigMaps and nothing else, as the controller would make them.
 * - Exit code 0; 2 for input that cannot be used, with one line for each thing that is wrong and no output.
 */
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { UNKNOWN_UID } from "../../../src/cli/preview/pods.ts";
import { Folder, pcmc, pod } from "../support.ts";

interface Shown {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels: Record<string, string> };
  readonly data: Record<string, string>;
}

const shown = (stdout: string): Shown[] => parseAllDocuments(stdout).map((document) => document.toJS());
const names = (stdout: string) => shown(stdout).map(({ metadata: { namespace, name } }) => `${namespace}/${name}`);

describe("the ConfigMaps", () => {
  test("are those of all Pods of all files under all PodConfigMapConfigs of all files", async () => {
    const files = {
      "a.yaml": `${pcmc("a")}---\n${pcmc("b", "{podSelector: {matchLabels: {app: web}}}")}`,
      "c.yaml": pcmc("c"),
      "pods.yaml": `${pod("web-0", "  labels: {app: web}\n")}---\n${pod("db-0")}`,
      "list.json": JSON.stringify({
        kind: "List",
        items: [{ apiVersion: "v1", kind: "Pod", metadata: { name: "one" } }],
      }),
    };
    const folder = await Folder.with(files);
    const { code, stdout, stderr } = await folder.run(
      "preview -f ./a.yaml ./c.yaml --pod ./pods.yaml --pod ./list.json",
    );
    expect([code, stderr]).toEqual([0, ""]);
    expect(names(stdout)).toEqual(
      ["web-0-from-a", "web-0-from-b", "web-0-from-c", "db-0-from-a", "db-0-from-c", "one-from-a", "one-from-c"].map(
        (pair) => `default/pod-${pair}-cfg`,
      ),
    );
  });

  test("have the marks of a Pod that has a UID, and of one that has none a UID that is plainly made up", async () => {
    const files = { "c.yaml": pcmc("c"), "p.yaml": `${pod("a", "  uid: u-1\n")}---\n${pod("b")}` };
    const { stdout } = await (await Folder.with(files)).run("preview -f ./c.yaml --pod ./p.yaml");
    expect(shown(stdout).map(({ metadata }) => metadata)).toEqual(
      ["u-1", UNKNOWN_UID].map((uid, index) => ({
        name: `pod-${"ab"[index]}-from-c-cfg`,
        namespace: "default",
        labels: { "podconfig.example.com/generated-by-pcmc": "c", "podconfig.example.com/pod-uid": uid },
        ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "ab"[index], uid }],
      })),
    );
  });

  test("have names as the controller chooses them where two pairs would have the same", async () => {
    const files = { "c.yaml": `${pcmc("c")}---\n${pcmc("b-from-c")}`, "p.yaml": `${pod("a")}---\n${pod("a-from-b")}` };
    const { stdout } = await (await Folder.with(files)).run("preview -f ./c.yaml --pod ./p.yaml");
    expect(new Set(names(stdout)).size).toBe(4);
    expect(names(stdout)).toContain("default/pod-a-from-b-from-c-cfg");
  });

  test("of a terminating Pod are none", async () => {
    const files = { "c.yaml": pcmc("c"), "p.yaml": pod("a", "  deletionTimestamp: '2026-01-01T00:00:00Z'\n") };
    const { code, stdout, stderr } = await (await Folder.with(files)).run("preview -f ./c.yaml --pod ./p.yaml");
    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr).toBe(
      "note: PodConfigMapConfig c makes no ConfigMap: it selects no live Pod of namespace default (1)\n",
    );
  });

  test("hold texts that every reader of YAML takes for texts", async () => {
    const values = [
      "on",
      "0777",
      "1.0",
      "12:30",
      "2001-01-01",
      "~",
      "",
      "a: b",
      " x",
      "two\nlines\n",
      "\ttab",
      "#",
      "é🦊",
    ];
    const annotations = Object.fromEntries(values.map((value, index) => [`k${index}`, value]));
    const files = {
      "c.yaml": pcmc("c", JSON.stringify({ annotationsToInclude: Object.keys(annotations) })),
      "p.yaml": JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name: "a", annotations } }),
    };
    const { stdout } = await (await Folder.with(files)).run("preview -f ./c.yaml --pod ./p.yaml");
    for (const version of ["1.1", "1.2"] as const) {
      const [document] = parseAllDocuments(stdout, { version });
      expect(document?.toJS().data).toMatchObject(
        Object.fromEntries(values.map((value, index) => [`annotation_k${index}`, value])),
      );
    }
  });
});

describe("-o json", () => {
  const files = { "c.yaml": pcmc("c"), "one.yaml": pod("a"), "two.yaml": `${pod("a")}---\n${pod("b")}` };
  const json = async (pods: string, selector = "c") => {
    const folder = await Folder.with({ ...files, "none.yaml": pcmc("none", "{podSelector: {matchLabels: {a: b}}}") });
    const { stdout } = await folder.run(`preview -f ./${selector}.yaml --pod ./${pods}.yaml -o json`);
    return JSON.parse(stdout);
  };

  test("of one ConfigMap is that object", async () => {
    expect(await json("one")).toMatchObject({ kind: "ConfigMap", metadata: { name: "pod-a-from-c-cfg" } });
  });

  test("of several is one List", async () => {
    expect(await json("two")).toMatchObject({ apiVersion: "v1", kind: "List", items: [{ kind: "ConfigMap" }, {}] });
  });

  test("of none is an empty List", async () => {
    expect(await json("one", "none")).toEqual({ apiVersion: "v1", kind: "List", items: [] });
  });
});

describe("where Pods come from", () => {
  test("- is standard input, for both flags at once too", async () => {
    const folder = await Folder.with({ "c.yaml": pcmc("c") });
    const fromPods = await folder.run("preview -f ./c.yaml --pod -", { input: pod("a") });
    const both = await folder.run("preview -f - --pod -", { input: `${pcmc("c")}---\n${pod("a")}` });
    expect(names(fromPods.stdout)).toEqual(["default/pod-a-from-c-cfg"]);
    expect(both).toEqual(fromPods);
  });

  test("without --pod, the Pods of -f are taken; a folder stands for its files", async () => {
    const folder = await Folder.with({
      "all/c.yml": pcmc("c"),
      "all/p.json": '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}',
      "all/x.txt": "[",
    });
    expect(names((await folder.run("preview -f ./all")).stdout)).toEqual(["default/pod-a-from-c-cfg"]);
  });

  test.each([
    ["apps/v1", "Deployment", { template: "T" }, "web-xxxxx"],
    ["apps/v1", "StatefulSet", { template: "T" }, "web-0"],
    ["batch/v1", "CronJob", { jobTemplate: { spec: { template: "T" } } }, "web-xxxxx"],
  ])("of a %s %s, --pod takes the first Pod that it would make", async (apiVersion, kind, spec, name) => {
    const template = { metadata: { labels: { app: "web" } }, spec: { nodeName: "n" } };
    const workload = { apiVersion, kind, metadata: { name: "web", namespace: "shop" }, spec };
    const folder = await Folder.with({
      "c.yaml": pcmc("c", "{labelsToInclude: [app]}"),
      "w.json": JSON.stringify(workload).replace('"T"', JSON.stringify(template)),
    });
    const { stdout } = await folder.run("preview -f ./c.yaml --pod ./w.json");
    expect(names(stdout)).toEqual([`shop/pod-${name}-from-c-cfg`]);
    expect(shown(stdout)[0]?.data).toMatchObject({ podName: name, label_app: "web", nodeName: "n" });
  });

  test("a Pod with generateName has a name with xxxxx at its end", async () => {
    const folder = await Folder.with({ "c.yaml": pcmc("c"), "p.yaml": pod("~", "  generateName: web-\n") });
    const { stdout } = await folder.run("preview -f ./c.yaml --pod ./p.yaml");
    expect(names(stdout)).toEqual(["default/pod-web-xxxxx-from-c-cfg"]);
  });
});

describe("names that are made up", () => {
  const workload = (kind: string, metadata: string) => {
    const apiVersion = kind === "Job" ? "batch/v1" : "apps/v1";
    return `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: ${metadata}\nspec: {template: {}}\n`;
  };
  const podNames = async (...documents: string[]) => {
    const folder = await Folder.with({ "c.yaml": pcmc("c"), "p.yaml": documents.join("---\n") });
    const { code, stdout, stderr } = await folder.run("preview -f ./c.yaml --pod ./p.yaml");
    expect([code, stderr]).toEqual([0, ""]);
    return shown(stdout).map(({ data }) => data.podName);
  };
  const prefixed = (prefix: string, more = "") => pod("~", `  generateName: ${prefix}\n${more}`);

  test("are no Pod's twice", async () => {
    expect(await podNames(prefixed("web-"), prefixed("web-"), prefixed("web-"))).toEqual([
      "web-xxxxx",
      "web-xxxx2",
      "web-xxxx3",
    ]);
  });

  test("are none that a Pod of the file has, before it or after", async () => {
    const files = [prefixed("web-"), workload("StatefulSet", "{name: web}"), pod("web-xxxxx"), pod("web-0")];
    expect(await podNames(...files)).toEqual(["web-xxxx2", "web-1", "web-xxxxx", "web-0"]);
  });

  test("are the same in another namespace", async () => {
    expect(await podNames(prefixed("web-"), prefixed("web-", "  namespace: shop\n"))).toEqual([
      "web-xxxxx",
      "web-xxxxx",
    ]);
  });

  test("are different for things of different kinds with one name", async () => {
    expect(await podNames(workload("Deployment", "{name: web}"), workload("Job", "{name: web}"))).toEqual([
      "web-xxxxx",
      "web-xxxx2",
    ]);
  });

  test("come of generateName where what makes Pods has no name", async () => {
    expect(await podNames(workload("Job", "{generateName: mig-}"), workload("Job", "{generateName: mig-}"))).toEqual([
      "mig-xxxxx-xxxxx",
      "mig-xxxxx-xxxx2",
    ]);
  });

  test("are names, however long what they are made of is", async () => {
    const long = "a".repeat(250);
    const names = await podNames(prefixed(long), prefixed(long), workload("Deployment", `{name: ${long}}`));
    expect(names).toEqual(["xxxxx", "xxxx2", "xxxx3"].map((suffix) => `${"a".repeat(58)}${suffix}`));
  });

  test("are no way around a name that is given twice", async () => {
    const deployment = workload("Deployment", "{name: web}");
    const folder = await Folder.with({
      "c.yaml": pcmc("c"),
      "p.yaml": `${deployment}---\n${deployment}---\n${pod("a")}---\n${pod("a", "  namespace: default\n")}`,
    });
    const { code, stderr } = await folder.run("preview -f ./c.yaml --pod ./p.yaml");
    expect([code, stderr.split("\n").map((line) => /: (.*) was given before/.exec(line)?.[1])]).toEqual([
      2,
      ["Deployment web", "Pod a", undefined],
    ]);
  });
});

test("a null is what it is to the API server: nothing", async () => {
  const specs = ["~", "{podSelector: {matchLabels: {app: ~}}}", "{podSelector: ~, labelsToInclude: ~}"];
  for (const spec of specs) {
    const folder = await Folder.with({ "c.yaml": pcmc("c", spec), "p.yaml": pod("a") });
    const validated = await folder.run("validate -f ./c.yaml");
    const { code, stdout, stderr } = await folder.run("preview -f ./c.yaml --pod ./p.yaml");
    expect([spec, validated.code, code, stderr, names(stdout)]).toEqual([spec, 0, 0, "", ["default/pod-a-from-c-cfg"]]);
  }
});

describe("namespaces", () => {
  const inNamespace = (name: string) => `  namespace: ${name}\n`;

  test("a PodConfigMapConfig concerns the Pods of its own; one that names none, those of any", async () => {
    const folder = await Folder.with({
      "c.yaml": `${pcmc("own", "{}", inNamespace("shop"))}---\n${pcmc("any")}`,
      "p.yaml": `${pod("a", inNamespace("shop"))}---\n${pod("b")}`,
    });
    const { stdout } = await folder.run("preview -f ./c.yaml --pod ./p.yaml");
    expect(names(stdout)).toEqual(["shop/pod-a-from-own-cfg", "shop/pod-a-from-any-cfg", "default/pod-b-from-any-cfg"]);
  });

  test("one that names a namespace comes before one of the same name that does not", async () => {
    const folder = await Folder.with({
      "c.yaml": `${pcmc("c", "{labelsToInclude: [app]}", inNamespace("shop"))}---\n${pcmc("c")}`,
      "p.yaml": pod("a", `${inNamespace("shop")}  labels: {app: web}\n`),
    });
    const { code, stdout, stderr } = await folder.run("preview -f ./c.yaml --pod ./p.yaml");
    expect([code, shown(stdout).map(({ data }) => data.label_app)]).toEqual([0, ["web"]]);
    expect(stderr).toBe(
      "note: PodConfigMapConfig c counts nowhere: in each namespace another of that name comes first\n",
    );
  });

  test("-n with --pod is that of Pods that name none", async () => {
    const folder = await Folder.with({ "c.yaml": pcmc("c"), "p.yaml": pod("a") });
    expect(names((await folder.run("preview -f ./c.yaml --pod ./p.yaml -n shop")).stdout)).toEqual([
      "shop/pod-a-from-c-cfg",
    ]);
  });
});

test("what is neither a PodConfigMapConfig nor a Pod is passed over with a note", async () => {
  const deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n";
  const folder = await Folder.with({ "all.yaml": `${pcmc("c")}---\n${pod("a")}---\n${deployment}` });
  const { code, stdout, stderr } = await folder.run("preview -f ./all.yaml");
  expect([code, names(stdout)]).toEqual([0, ["default/pod-a-from-c-cfg"]]);
  expect(stderr).toBe(
    "note: ./all.yaml:12:1: Deployment web is passed over: it is no PodConfigMapConfig; for a Pod of it, give --pod\n",
  );
});

test("a file may be given to both flags, and nothing of it is passed over", async () => {
  const workload = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: web}\nspec: {template: {}}\n";
  const folder = await Folder.with({ "all.yaml": `${pcmc("c")}---\n${workload}` });
  const { code, stdout, stderr } = await folder.run("preview -f ./all.yaml --pod ./all.yaml");
  expect([code, names(stdout), stderr]).toEqual([0, ["default/pod-web-xxxxx-from-c-cfg"], ""]);
});

describe("input that cannot be used", () => {
  const refused = async (line: string, files: Record<string, string>) => {
    const folder = await Folder.with({ "c.yaml": pcmc("c"), "p.yaml": pod("a"), ...files });
    const { code, stdout, stderr } = await folder.run(line);
    expect([code, stdout]).toEqual([2, ""]);
    return stderr.trimEnd().split("\n");
  };

  test.each<[string, string, Record<string, string>, string]>([
    ["a file that is not there", "-f ./no.yaml --pod ./p.yaml", {}, "./no.yaml: no such file"],
    [
      "a folder without manifests",
      "-f ./d --pod ./p.yaml",
      { "d/x.txt": "" },
      "./d: no .yaml, .yml or .json file in this folder",
    ],
    ["no YAML", "-f ./c.yaml --pod ./p.yaml", { "p.yaml": "a: [\n" }, "./p.yaml:2:1: "],
    [
      "a key that stands twice",
      "-f ./c.yaml --pod ./p.yaml",
      { "p.yaml": pod("a", "  name: b\n") },
      "./p.yaml:5:3: metadata.name: ",
    ],
    ["no PodConfigMapConfig", "-f ./p.yaml", {}, "no PodConfigMapConfig in ./p.yaml"],
    ["no Pod", "-f ./c.yaml --pod ./c.yaml", {}, "no Pod, and nothing that makes Pods, in ./c.yaml"],
    [
      "a field that admission refuses",
      "-f ./c.yaml --pod ./p.yaml",
      { "c.yaml": pcmc("c", "{labelsToInclude: [1]}") },
      "./c.yaml:5:26: spec.labelsToInclude[0]: ",
    ],
    ["a name that cannot be", "-f ./c.yaml --pod ./p.yaml", { "c.yaml": pcmc("C_1") }, "./c.yaml:4:9: metadata.name: "],
    [
      "another version",
      "-f ./c.yaml --pod ./p.yaml",
      { "c.yaml": pcmc("c").replace("v1alpha1", "v1") },
      "./c.yaml:1:13: apiVersion: must be podconfig.example.com/v1alpha1",
    ],
    [
      "an object without a kind",
      "-f ./c.yaml --pod ./p.yaml",
      { "c.yaml": "apiVersion: podconfig.example.com/v1alpha1\nmetadata: {name: c}\n" },
      "./c.yaml:1:1: kind: must be PodConfigMapConfig",
    ],
    [
      "a document that is no object",
      "-f ./c.yaml --pod ./p.yaml",
      { "c.yaml": "just text\n" },
      "./c.yaml:1:1: must be an object with apiVersion, kind and metadata",
    ],
    [
      "a List of nothing",
      "-f ./c.yaml --pod ./p.yaml",
      { "c.yaml": "kind: List\nitems: [~]\n" },
      "./c.yaml:2:9: must be an object with apiVersion, kind and metadata",
    ],
    [
      "a Deployment whose name cannot be",
      "-f ./c.yaml --pod ./p.yaml",
      { "p.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: W_1}\nspec: {template: {}}\n" },
      "./p.yaml:3:18: metadata.name: is no name",
    ],
    [
      "a Job without a name",
      "-f ./c.yaml --pod ./p.yaml",
      { "p.yaml": "apiVersion: batch/v1\nkind: Job\nmetadata: {}\nspec: {template: {}}\n" },
      "./p.yaml:3:1: metadata.name: required: add a name, or generateName",
    ],
    [
      "a label that is no text",
      "-f ./c.yaml --pod ./p.yaml",
      { "p.yaml": pod("a", "  labels: {v: 1.4}\n") },
      "./p.yaml:5:15: metadata.labels.v: ",
    ],
    [
      "a Pod whose spec is no object",
      "-f ./c.yaml --pod ./p.yaml",
      { "p.yaml": pod("a", "spec: 5\n") },
      "./p.yaml:5:7: spec: must be an object",
    ],
    [
      "a PodConfigMapConfig twice",
      "-f ./c.yaml ./d.yaml --pod ./p.yaml",
      { "d.yaml": pcmc("c") },
      "./d.yaml:1:1: PodConfigMapConfig c was given before, at ./c.yaml:1:1: ",
    ],
    [
      "a Pod twice",
      "-f ./c.yaml --pod ./p.yaml",
      { "p.yaml": `${pod("a")}---\n${pod("a")}` },
      "./p.yaml:6:1: Pod a was given before",
    ],
    [
      "another namespace than -n",
      "-f ./c.yaml --pod ./p.yaml -n b",
      { "p.yaml": pod("a", "  namespace: a\n") },
      "./p.yaml:5:14: metadata.namespace: is a, and -n is b",
    ],
    ["--diff without a cluster", "-f ./c.yaml --pod ./p.yaml --diff", {}, "--diff: there is no cluster"],
    ["--diff in another form", "-f ./c.yaml --diff -o json", {}, "--diff and --output: "],
    [
      "a timeout that is none",
      "-f ./c.yaml --pod ./p.yaml --timeout 0",
      {},
      "error: option '--timeout <duration>' argument '0' is invalid.",
    ],
    ["no cluster", "-f ./c.yaml", {}, "no cluster configuration: "],
    ["a kubeconfig that is not there", "-f ./c.yaml --kubeconfig ./none", {}, "cannot read ./none: no such file"],
  ])("%s is told in one line", async (_, line, files, expected) => {
    const lines = await refused(`preview ${line}`, files);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.slice(0, expected.length)).toBe(expected);
  });

  test("of several kinds is told all at once", async () => {
    const files = { "c.yaml": pcmc("c", "{podSelector: 1, extra: 2}"), "p.yaml": pod("~") };
    expect(await refused("preview -f ./c.yaml --pod ./p.yaml", files)).toHaveLength(3);
  });

  test("that is not UTF-8 is told", async () => {
    const folder = await Folder.with({ "c.yaml": pcmc("c") });
    const { code, stderr } = await folder.shell("printf '\\377' | pcmc preview -f c.yaml --pod -");
    expect([code, stderr]).toEqual([2, "standard input: not UTF-8 text\n"]);
  });
});

test("who stops reading, as head does, sees no error", async () => {
  const pods = Array.from({ length: 2_000 }, (_, i) => pod(`p-${i}`)).join("---\n");
  const folder = await Folder.with({ "c.yaml": pcmc("c"), "p.yaml": pods });
  const { code, stdout, stderr } = await folder.shell(
    "set +o pipefail; pcmc preview -f c.yaml --pod p.yaml | head -n 1",
  );
  expect([code, stdout, stderr]).toEqual([0, "apiVersion: v1\n", ""]);
});
