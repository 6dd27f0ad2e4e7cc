export { AdminClient, ApiStatusError, type ClientCredentials, type RequestOptions } from "./admin-client.ts";
export { type AssetOptions, helmPath, resolveAssets } from "./assets.ts";
export type { AuditEvent } from "./audit.ts";
export { BINARIES, type Binary, type BinaryPaths, NODE_BINARIES, TOOL_BINARIES } from "./binaries.ts";
export { type Cluster, type RealCluster, startCluster } from "./cluster.ts";
export {
  type FaultProxy,
  type FaultProxyOptions,
  type ProxiedRequest,
  startFaultProxy,
} from "./fault-proxy/fault-proxy.ts";
export type { Place } from "./fault-proxy/place.ts";
export type { Action, Match, Rule, RuleOptions } from "./fault-proxy/rule.ts";
export type { Flags } from "./flags.ts";
export type { KubectlOptions, KubectlResult } from "./kubectl.ts";
export type { ClusterOptions, Component } from "./options.ts";
export type { User, UserCredentials } from "./pki.ts";
export { freePort } from "./ports.ts";
export type { AddressPlan } from "./real-node/address-plan.ts";
export { Buildah } from "./real-node/buildah.ts";
export { type Elf, readElf } from "./real-node/elf.ts";
export type { ImageBuild, Images } from "./real-node/images.ts";
export { findBusybox, findProgram, installPackages, whyNoRealNode } from "./real-node/packages.ts";
export type { NodeAccess } from "./real-node/real-node.ts";
export type { RunOptions } from "./real-node/run.ts";
export type { RequestFilter } from "./request-counts.ts";
export {
  DEFAULT_VERSION,
  findVersion,
  isAtLeast,
  type KubernetesVersion,
  listVersions,
  since,
  wantedVersion,
} from "./versions.ts";
