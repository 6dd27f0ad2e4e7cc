import { existsSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import type { Page } from "./markdown.ts";

/**
 * Hosts that pages may link to. Their pages are not asked for: a check must not depend on a network. Our own things are linked by
 * relative links, which are checked.
 */
const HOSTS: ReadonlySet<string> = new Set([
  "aws.github.io",
  "book.kubebuilder.io",
  "cert-manager.io",
  "cilium.io",
  "developer.hashicorp.com",
  "docs.cilium.io",
  "docs.kernel.org",
  "docs.pepr.dev",
  "external-secrets.io",
  "github.com",
  "helm.sh",
  "inspektor-gadget.io",
  "istio.io",
  "keepachangelog.com",
  "kopf.readthedocs.io",
  "kube.rs",
  "kubernetes.io",
  "kwok.sigs.k8s.io",
  "kyverno.io",
  "masterminds.github.io",
  "opentelemetry.io",
  "pkg.go.dev",
  "semver.org",
  "spdx.dev",
  "tetragon.io",
  "www.rfc-editor.org",
]);

/** What is wrong with the links of all pages: `FILE:LINE: what`. */
export const brokenLinks = (pages: readonly Page[], root: string): readonly string[] => {
  const byPath = new Map(pages.map((page) => [page.path, page]));
  return pages.flatMap((page) =>
    page.links.flatMap(({ target, line }) => {
      const fault = faultOf(target, page, { byPath, root });
      return fault === undefined ? [] : [`${page.path}:${line}: ${target}: ${fault}`];
    }),
  );
};

interface Surroundings {
  readonly byPath: ReadonlyMap<string, Page>;
  readonly root: string;
}

const faultOf = (target: string, page: Page, { byPath, root }: Surroundings): string | undefined => {
  if (/^[a-z]+:/.test(target)) return absoluteFault(target);
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? page.path : normalize(join(dirname(page.path), decodeURI(path)));
  if (file.startsWith("..")) return "leads out of the repository";
  if (!existsSync(join(root, file))) return "there is no such file";
  if (anchor === undefined) return undefined;
  const other = byPath.get(file);
  if (other === undefined) return statSync(join(root, file)).isDirectory() ? "a folder has no headings" : undefined;
  return other.anchors.has(anchor) ? undefined : "there is no such heading";
};

const absoluteFault = (target: string): string | undefined => {
  const { protocol, hostname } = new URL(target);
  if (protocol !== "https:") return "only https leads out of the repository";
  return HOSTS.has(hostname) ? undefined : `the host ${hostname} is not among those that pages may link to`;
};
