/** Why a Pod does not get a Watcher that it asks for. */
export type LeftReason =
  /** The annotation has an entry that can be no name. */
  | "InvalidName"
  /** The annotation has more entries than count. Told once, of the first one that does not. */
  | "TooMany"
  /** There is no Watcher of that name in the namespace. */
  | "NotFound"
  /** A Watcher of an earlier name has the name of its container or volume. */
  | "Contended"
  /** It is not Ready at its current generation. */
  | "NotReady"
  /** The API server would refuse any Pod with this container. */
  | "Unusable"
  /** `injectAs: Sidecar`, and the API server has no native sidecars. */
  | "NoNativeSidecars"
  /** The Pod has a container of its own of that name, with other content or in another place. */
  | "ContainerConflict"
  /** The Pod has a volume of its own of that name, with other content. */
  | "VolumeConflict"
  /** The Pod has a port of the host already that the container wants. */
  | "PortConflict";

/** A Watcher that a Pod asks for and does not get. */
export interface Left {
  /** The Watcher's name, or the entry of the annotation that is none. */
  readonly watcher: string;
  readonly reason: LeftReason;
  /** One line, without the Watcher's name. */
  readonly message: string;
}

/** A reason without the Watcher that it is about. */
export type Refusal = Omit<Left, "watcher">;

export const refusal = (reason: LeftReason, message: string): Refusal => ({ reason, message });
