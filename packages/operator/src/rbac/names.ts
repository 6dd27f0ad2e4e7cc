/** The name of the ServiceAccount, and of every object that comes with the manager; further ones have a suffix. */
export const NAME = "podconfigmap-controller";

/** What all objects that come with the manager carry. */
export const LABELS = { "app.kubernetes.io/name": NAME } as const;
