/*
 * Invariants:
 * - A write needs a right exactly when it changes what the right is for, or the Pods that it is for.
 */
import { describe, expect, test } from "vitest";
import { authorNeeds } from "../../src/admission/author-needs.ts";
import { pcmc } from "../api/corpus.ts";

const GET_PODS = { namespace: "ns", verb: "get", group: "", resource: "pods" };
const ENFORCE = {
  namespace: "ns",
  verb: "enforce",
  group: "podconfig.example.com",
  resource: "podconfigmapconfigs",
};

const needs = (spec: unknown, before?: unknown) =>
  authorNeeds(pcmc("a", spec), before === undefined ? undefined : pcmc("a", before), "ns").map(({ access }) => access);

const templates = { configMapDataTemplate: { a: "x" } };
const firewall = { ebpfConfig: { l4Firewall: { enabled: true } } };
const selector = (app: string) => ({ podSelector: { matchLabels: { app } } });

describe("creating", () => {
  test.each([
    ["nothing of the kind", { labelsToInclude: ["a"] }, []],
    ["templates", templates, [GET_PODS]],
    ["no templates", { configMapDataTemplate: {} }, []],
    ["ebpfConfig", firewall, [ENFORCE]],
    ["an empty ebpfConfig", { ebpfConfig: {} }, [ENFORCE]],
    ["both", { ...templates, ...firewall }, [GET_PODS, ENFORCE]],
    ["junk", "x", []],
  ])("%s", (_, spec, expected) => {
    expect(needs(spec)).toEqual(expected);
  });
});

describe("updating", () => {
  test.each([
    ["something else", { ...templates, ...firewall, labelsToInclude: ["a"] }, { ...templates, ...firewall }, []],
    ["a template", { configMapDataTemplate: { a: "y" } }, templates, [GET_PODS]],
    [
      "the selector under templates",
      { ...templates, ...selector("b") },
      { ...templates, ...selector("a") },
      [GET_PODS],
    ],
    ["templates, away", {}, templates, []],
    ["ebpfConfig", { ebpfConfig: { l4Firewall: { enabled: false } } }, firewall, [ENFORCE]],
    ["the selector under ebpfConfig", { ...firewall, ...selector("b") }, firewall, [ENFORCE]],
    ["ebpfConfig, away", {}, firewall, [ENFORCE]],
    ["the selector under neither", selector("b"), selector("a"), []],
    ["the order of fields", { ebpfConfig: { a: 1, b: 2 } }, { ebpfConfig: { b: 2, a: 1 } }, []],
  ])("%s", (_, spec, before, expected) => {
    expect(needs(spec, before)).toEqual(expected);
  });
});
