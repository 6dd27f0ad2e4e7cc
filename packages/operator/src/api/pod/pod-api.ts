import type { Container, LocalObjectReference, Volume } from "kubernetes-types/core/v1.d.ts";
import type { Schema } from "../schema.ts";
import { coreType, type OpenApiSchemas } from "./open-api.ts";
import podApi from "./pod-api.json" with { type: "json" };
import { Structural } from "./structural.ts";

/** The minor version of Kubernetes that the schemas are of: `1.36`. */
export const POD_API_VERSION: string = podApi.kubernetes;

/** The schemas that a container and a volume are made of, as that version publishes them. */
export const podApiSchemas: OpenApiSchemas = podApi.schemas;

const structural = new Structural(podApiSchemas);

/** `corev1.Container`. */
export const containerSchema: Schema<Container> = structural.of(coreType("Container"));
/** `corev1.Volume`. */
export const volumeSchema: Schema<Volume> = structural.of(coreType("Volume"));
/** `corev1.LocalObjectReference`. */
export const localObjectReferenceSchema: Schema<LocalObjectReference> = structural.of(coreType("LocalObjectReference"));
