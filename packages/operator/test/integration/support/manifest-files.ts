import { readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { isAtLeast } from "@pcmc/devcluster";

const MANIFESTS = join(import.meta.dirname, "../../../../../manifests");
const POLICY = /^kind: ValidatingAdmissionPolicy(Binding)?$/m;

/**
 * Paths of files below manifests/ as the API server of the tests takes them: before Kubernetes 1.30 it has no
 * ValidatingAdmissionPolicy, and agent.yaml is applied without its own, as docs/reference/kubernetes-versions.md says. The copy
 * goes to `folder`.
 */
export const manifestFiles = (names: readonly string[], folder: string): Promise<string[]> =>
  Promise.all(
    names.map(async (name) => {
      const file = join(MANIFESTS, name);
      if (isAtLeast("1.30")) return file;
      const documents = (await readFile(file, "utf8")).split(/^---$/m);
      const copy = join(folder, basename(name));
      await writeFile(copy, documents.filter((document) => !POLICY.test(document)).join("---"));
      return copy;
    }),
  );
