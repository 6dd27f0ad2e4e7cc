import { defineResource } from "@pcmc/controller-runtime";
import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from "kubernetes-types/admissionregistration/v1.d.ts";
import type { CustomResourceDefinition } from "kubernetes-types/apiextensions/v1.d.ts";
import type { DaemonSet } from "kubernetes-types/apps/v1.d.ts";
import type { SelfSubjectAccessReview } from "kubernetes-types/authorization/v1.d.ts";
import type { ResourceQuota, Service } from "kubernetes-types/core/v1.d.ts";
import type { EndpointSlice } from "kubernetes-types/discovery/v1.d.ts";

/** Kinds that only doctor reads. */

export const CustomResourceDefinitions = defineResource<CustomResourceDefinition>({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  namespaced: false,
});

export const DaemonSets = defineResource<DaemonSet>({
  apiVersion: "apps/v1",
  kind: "DaemonSet",
  plural: "daemonsets",
  namespaced: true,
});

export const Services = defineResource<Service>({
  apiVersion: "v1",
  kind: "Service",
  plural: "services",
  namespaced: true,
});

export const EndpointSlices = defineResource<EndpointSlice>({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  plural: "endpointslices",
  namespaced: true,
});

export const ResourceQuotas = defineResource<ResourceQuota>({
  apiVersion: "v1",
  kind: "ResourceQuota",
  plural: "resourcequotas",
  namespaced: true,
});

export const SelfSubjectAccessReviews = defineResource<SelfSubjectAccessReview>({
  apiVersion: "authorization.k8s.io/v1",
  kind: "SelfSubjectAccessReview",
  plural: "selfsubjectaccessreviews",
  namespaced: false,
});

const admission = "admissionregistration.k8s.io/v1";

export const ValidatingAdmissionPolicies = defineResource<ValidatingAdmissionPolicy>({
  apiVersion: admission,
  kind: "ValidatingAdmissionPolicy",
  plural: "validatingadmissionpolicies",
  namespaced: false,
});

export const ValidatingAdmissionPolicyBindings = defineResource<ValidatingAdmissionPolicyBinding>({
  apiVersion: admission,
  kind: "ValidatingAdmissionPolicyBinding",
  plural: "validatingadmissionpolicybindings",
  namespaced: false,
});
