import { describe, expect, test } from "vitest";
import { metadataFields, missingField } from "../../src/admission/pod-schema.ts";

const path = (text: string) => text.split(".");

describe("a path that the data of templates has", () => {
  test.each([
    "metadata.name",
    "metadata.labels.anything",
    "metadata.ownerReferences",
    "spec",
    "spec.containers",
    "spec.securityContext.runAsUser",
    "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms",
    "spec.nodeSelector.disktype",
    "status.podIP",
    "labels.app",
    "annotations.owner",
    "pcmc.name",
    "podName",
    "namespace",
    "nodeName",
    "phase",
  ])("%s", (text) => {
    expect(missingField(path(text))).toBeUndefined();
  });

  test("the whole of it", () => {
    expect(missingField([])).toBeUndefined();
  });
});

describe("a path that no Pod has is cut where it leaves it", () => {
  test.each([
    ["foo", "foo"],
    ["name", "name"],
    ["kind", "kind"],
    ["constructor", "constructor"],
    ["spec.nodename", "spec.nodename"],
    ["spec.nodename.below", "spec.nodename"],
    ["spec.containers.name", "spec.containers.name"],
    ["metadata.labels.app.deeper", "metadata.labels.app.deeper"],
    ["metadata.managedFields", "metadata.managedFields"],
    ["status.phase.deeper", "status.phase.deeper"],
    ["pcmc.namespace", "pcmc.namespace"],
  ])("%s", (text, field) => {
    expect(missingField(path(text))?.field).toBe(field);
  });
});

test("the names of the place come with it", () => {
  expect(missingField(["spec", "nodename"])?.known).toContain("nodeName");
  expect(missingField(["labels", "app", "x"])?.known).toEqual([]);
});

test("the fields of metadata hold those that users write", () => {
  for (const field of ["name", "namespace", "labels", "annotations", "generateName", "finalizers", "managedFields"])
    expect(metadataFields).toContain(field);
});
