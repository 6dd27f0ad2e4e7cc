/** Which requests to count. What is not named is not asked about. */
export interface RequestFilter {
  /** `GET`, `LIST`, `WATCH`, `POST`, `PUT`, `PATCH`, `APPLY`, `DELETE`, `DELETECOLLECTION`. */
  readonly verb?: string | readonly string[];
  /** API group; the core group is the empty string. */
  readonly group?: string;
  /** Plural, such as `configmaps`. */
  readonly resource?: string;
  /** `status`, `scale`, ...; the resource itself is the empty string. */
  readonly subresource?: string;
  /** HTTP status, such as `409`. */
  readonly code?: string;
}

const METRIC = "apiserver_request_total";

/** Sums the requests that an API server's `/metrics` counted. */
export const countRequests = (metrics: string, filter: RequestFilter = {}): number => {
  let sum = 0;
  for (const line of metrics.split("\n")) {
    if (!line.startsWith(`${METRIC}{`)) continue;
    const end = line.lastIndexOf("}");
    if (matches(parseLabels(line.slice(METRIC.length + 1, end)), filter)) sum += Number(line.slice(end + 1));
  }
  return sum;
};

const parseLabels = (text: string): Map<string, string> =>
  new Map([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = "", value = ""]) => [name, value]));

const matches = (labels: ReadonlyMap<string, string>, { verb, ...filter }: RequestFilter): boolean => {
  const verbs = typeof verb === "string" ? [verb] : verb;
  if (verbs && !verbs.includes(labels.get("verb") ?? "")) return false;
  return Object.entries(filter).every(([name, value]) => value === undefined || labels.get(name) === value);
};
