import type { Container, Volume } from "kubernetes-types/core/v1.d.ts";
import type { WatcherSpec } from "../api/watcher.ts";
import { containerFieldFault } from "./container-faults.ts";

/** A DNS label. Source: Kubernetes' `IsDNS1123Label`. */
const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * Why the API server would refuse any Pod with what a Watcher adds; `undefined` where nothing of the kind is seen. Each of this
 * would keep Pods from being created, which no Watcher may do. It is the part of the API server's validation that the
 * CRD's schema does not have and that is easily got wrong: a Watcher that passed its own webhook has none of it.
 */
export const whyUnusable = (spec: WatcherSpec | undefined): string | undefined => {
  if (spec?.container === undefined) return "it has no container";
  return containerFault(spec.container) ?? volumeFault(spec.volume) ?? mountFault(spec.container, spec.volume);
};

const containerFault = (container: Partial<Container>): string | undefined => {
  const { name, image } = container;
  if (name === undefined || !NAME.test(name))
    return `its container's name ${shown(name)} is none that a container can have`;
  if (image === undefined || image === "" || image !== image.trim())
    return "its container has no image, or blanks around it";
  const fault = containerFieldFault({ ...container, name });
  return fault === undefined ? undefined : `its container ${fault}`;
};

const volumeFault = (volume: Partial<Volume> | undefined): string | undefined => {
  if (volume === undefined || (volume.name !== undefined && NAME.test(volume.name))) return undefined;
  return `its volume's name ${shown(volume.name)} is none that a volume can have`;
};

/**
 * Only the Watcher's own volume: what other volumes there are differs from Pod to Pod, and what other Watchers add must not
 * decide whether this one fits.
 */
const mountFault = ({ volumeMounts, volumeDevices }: Container, volume: Volume | undefined): string | undefined => {
  const stranger = [...(volumeMounts ?? []), ...(volumeDevices ?? [])].find(({ name }) => name !== volume?.name);
  if (stranger !== undefined) return `its container mounts ${shown(stranger.name)}, which is not its volume`;
  const paths = [...(volumeMounts ?? []).map(({ mountPath }) => mountPath)];
  const twice = paths.find((path, at) => paths.indexOf(path) !== at);
  return twice === undefined ? undefined : `its container mounts two things at ${shown(twice)}`;
};

const shown = (text: string | undefined): string => JSON.stringify(text ?? "");
