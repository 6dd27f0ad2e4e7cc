/** Watchers worked on at a time: a rollout waits for requests, and what others have come to is not to wait with it. */
export const WORKERS = 4;
