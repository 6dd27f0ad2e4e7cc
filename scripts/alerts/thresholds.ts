/**
 * From where on something is not as it should be. Alerts fire there, and the dashboards draw their red line there: one cannot
 * move without the other.
 */
export const thresholds = {
  /**
   * Of reconciles that fail, and how many there must be in ten minutes. One object that nobody mends comes to 20, as it is tried
   * each half minute, and is told by its own status.
   */
  reconcileErrorRatio: 0.1,
  reconcileErrors: 30,
  /** Writes that were refused for want of a permission, in ten minutes. One object that waits for it comes to 16 to 20. */
  refusals: 5,
  /** Seconds that the oldest key of a queue has waited. A resync of 100,000 Pods is through in less. */
  oldestKeySeconds: 120,
  /** Watches that ended otherwise than by the server's own timeout, in ten minutes, of one resource in one process. */
  watchRestarts: 10,
  /** Seconds of a watch's silence. Bookmarks come each minute; after 150 s the watch is opened anew. */
  watchSilenceSeconds: 300,
  /** Of requests to the API server that come to a 5xx or to nothing, and how many a second there must be. */
  apiErrorRatio: 0.05,
  apiErrorsPerSecond: 0.1,
  /** Answers 429 a second. */
  apiThrottledPerSecond: 0.1,
  /** Days that a serving certificate still holds. Ours are renewed with a third of their 90 left, as those of cert-manager are. */
  certificateDays: 14,
  /** Seconds of 99 of 100 admission requests. The API server gives up after 3 (injection) and 5 (validation). */
  webhookSeconds: 1,
  /** Of admission requests that get no answer, and how many there must be. */
  webhookErrorRatio: 0.05,
  webhookErrors: 5,
  /** Seconds that the one thread comes late, 99 of 100 looks. The Lease is renewed by it. */
  eventLoopLagSeconds: 0.5,
  /** Of the container's memory limit. */
  memoryRatio: 0.9,
  /** Seconds that counters are read too late. */
  readingLatenessSeconds: 120,
  /** Failures of one Pod's program in a quarter of an hour; tries that fail come each half minute. */
  ebpfErrors: 5,
  /** Writes of Roles that failed in a quarter of an hour. */
  podLogReaderErrors: 5,
} as const;
