/**
 * Milliseconds that the templates of a PodConfigMapConfig may take to be parsed, in the manager and by `pcmc validate`: more than
 * admission gives them, which lets them in.
 */
export const PARSE_DEADLINE = 5_000;
