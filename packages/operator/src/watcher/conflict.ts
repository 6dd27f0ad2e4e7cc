import type { Container, ContainerPort, PodSpec } from "kubernetes-types/core/v1.d.ts";
import type { Addition } from "./addition.ts";
import { type Refusal, refusal } from "./left.ts";
import type { PodDraft } from "./pod-draft.ts";
import { isSameContent } from "./same-content.ts";

/** What of a Pod an addition cannot be beside; `undefined` where there is nothing. What is there with the same content can stay. */
export const conflictOf = (
  { list, container, volume }: Addition,
  draft: PodDraft,
  spec: Pick<PodSpec, "hostNetwork"> | undefined,
): Refusal | undefined => {
  const present = draft.containerNamed(container.name);
  if (present !== undefined && (present.list !== list || !isSameContent(container, present.container)))
    return refusal("ContainerConflict", `the Pod has another container named ${JSON.stringify(container.name)}`);
  const presentVolume = volume && draft.volumeNamed(volume.name);
  if (presentVolume !== undefined && !isSameContent(volume, presentVolume))
    return refusal("VolumeConflict", `the Pod has another volume named ${JSON.stringify(volume?.name)}`);
  if (present !== undefined || list !== "containers") return undefined;
  const apart = spec?.hostNetwork === true ? container.ports?.find(isApart) : undefined;
  if (apart !== undefined) return refusal("PortConflict", apartMessage(apart));
  const taken = new Set(draft.containersIn(list).flatMap((other) => hostPorts(other, spec)));
  const port = hostPorts(container, spec).find((wanted) => taken.has(wanted));
  return port === undefined ? undefined : refusal("PortConflict", `the Pod has port ${port} of the host already`);
};

/** On the network of the host a port is that of the host. Source: Kubernetes' `validateHostNetwork`. */
const isApart = ({ hostPort, containerPort }: ContainerPort): boolean =>
  Boolean(hostPort) && hostPort !== containerPort;

const apartMessage = ({ hostPort, containerPort }: ContainerPort): string =>
  `the Pod is on the network of the host, where containerPort ${containerPort} cannot be hostPort ${hostPort}`;

/**
 * The ports of the host that a container takes, `TCP/0.0.0.0/80`: on the network of the host, all its ports. The API server
 * refuses a Pod in which two containers take the same; of init containers it does not compare them.
 */
const hostPorts = ({ ports }: Container, spec: Pick<PodSpec, "hostNetwork"> | undefined): readonly string[] =>
  (ports ?? []).flatMap(({ protocol, hostIP, hostPort, containerPort }) => {
    const port = hostPort || (spec?.hostNetwork === true ? containerPort : 0);
    return port ? [`${protocol || "TCP"}/${hostIP ?? ""}/${port}`] : [];
  });
