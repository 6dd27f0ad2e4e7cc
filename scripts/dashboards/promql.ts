/** Our processes, as chosen. */
export const OURS = 'job=~"$job", instance=~"$instance"';
/** All that is told of objects comes from one replica: which one must not be chosen. */
export const OF_OBJECTS = 'job=~"$job", namespace=~"$namespace"';

/** Events a second, over a window that Grafana fits to the scrape interval. */
export const rate = (metric: string, selector: string): string => `rate(${metric}{${selector}}[$__rate_interval])`;

/** A quantile of a histogram, by labels (`controller, name`). */
export const quantile = (q: number, metric: string, { by, of }: { readonly by: string; readonly of: string }): string =>
  `histogram_quantile(${q}, sum by (${by}, le) (${rate(`${metric}_bucket`, of)}))`;

/** Median and 99 of 100 of a histogram: what is usual, and what people complain about. */
export const latencies = (
  metric: string,
  labels: { readonly by: string; readonly of: string; readonly legend: string },
) => [
  { expr: quantile(0.5, metric, labels), legend: `${labels.legend} half` },
  { expr: quantile(0.99, metric, labels), legend: `${labels.legend} 99 of 100` },
];
