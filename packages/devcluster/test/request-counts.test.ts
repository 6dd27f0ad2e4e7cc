/** Invariant: the sum over all lines that match every label asked about, and no other metric. */
import { expect, test } from "vitest";
import { countRequests } from "../src/request-counts.ts";

const metrics = `# TYPE apiserver_request_total counter
apiserver_request_total{code="201",component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="POST",version="v1"} 3
apiserver_request_total{code="409",component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="POST",version="v1"} 1
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="pods",scope="resource",subresource="status",verb="PATCH",version="v1"} 1e+03
apiserver_request_total_other{code="201",resource="configmaps",verb="POST"} 50
`;

test.each([
  [{}, 1004],
  [{ resource: "configmaps" }, 4],
  [{ resource: "configmaps", code: "201" }, 3],
  [{ verb: ["POST", "PATCH"] }, 1004],
  [{ verb: "PATCH", subresource: "status" }, 1000],
  [{ verb: "PATCH", subresource: "" }, 0],
  [{ resource: "secrets" }, 0],
])("requests that match %j count %i", (filter, count) => {
  expect(countRequests(metrics, filter)).toBe(count);
});
