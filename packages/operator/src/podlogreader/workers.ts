/**
 * Deployments worked on at a time. Nearly all of a reconcile is waiting: before the API server takes a Role, it looks through all
 * RoleBindings for what the writer holds, in a cache that it first lets catch up. That takes 100 ms, whatever the load (measured with
 * 1.36), and little CPU; so one after the other would be ten writes a second.
 */
export const WORKERS = 16;
