import { expect, it } from "vitest";
import { type Verb, verbOf } from "../../src/fault-proxy/verb.ts";

it.each<[string, string, Verb]>([
  ["GET", "/api/v1/pods", "list"],
  ["GET", "/api/v1/namespaces/default/pods?limit=3", "list"],
  ["GET", "/api/v1/pods?watch=true&allowWatchBookmarks=true", "watch"],
  ["GET", "/api/v1/pods?labelSelector=watch%3Dtrue", "list"],
  ["GET", "/api/v1/namespaces/default/pods/a", "get"],
  ["GET", "/api/v1/namespaces/default/pods/a/log", "get"],
  ["GET", "/api/v1/namespaces/default", "get"],
  ["GET", "/api/v1/namespaces", "list"],
  ["POST", "/apis/apps/v1/namespaces/default/deployments", "create"],
  ["PUT", "/apis/apps/v1/namespaces/default/deployments/a/status", "update"],
  ["PATCH", "/api/v1/nodes/n", "patch"],
  ["DELETE", "/api/v1/nodes/n", "delete"],
  ["DELETE", "/api/v1/namespaces/default/pods", "deletecollection"],
  ["GET", "/version", "other"],
  ["GET", "/api/v1", "other"],
])("%s %s is %s", (method, path, verb) => {
  expect(verbOf(method, path)).toBe(verb);
});
