/**
 * Compares two resourceVersions of one resource: negative when `a` is older, 0 when equal, positive when newer.
 *
 * They are decimal numbers that only grow; KEP-5504 (Kubernetes 1.35) makes comparing them part of the API, and every
 * release before behaves so. They can pass 2^53, so they are compared as text: the longer is the larger.
 */
export const compareResourceVersions = (a: string, b: string): number => {
  if (a.length !== b.length) return a.length - b.length;
  if (a === b) return 0;
  return a < b ? -1 : 1;
};
