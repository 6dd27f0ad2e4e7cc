/** The name of the ServiceAccount, and of every object that comes with the manager; further ones have a suffix. */
export const NAME = "podconfigmap-controller";

/** What all objects that come with the manager carry. */
export const LABELS = { "app.kubernetes.io/name": NAME } as const;

/** The Job of the chart that has agents detach before the release is removed. */
export const UNINSTALL_JOB = `${NAME}-uninstall`;

const AGENT_NAME = `${NAME}-agent`;

/**
 * The node agent: the name of its ServiceAccount and of every object that comes with it, and what these carry. Other labels
 * than the manager's, whose Services and Deployment would select the agents' Pods too.
 */
export const AGENT = { name: AGENT_NAME, labels: { "app.kubernetes.io/name": AGENT_NAME } } as const;
