export { type Capability, missingCapabilities } from "./capabilities.ts";
export type { Cell } from "./cell.ts";
export {
  BpfError,
  type BpfErrorFields,
  ClosedError,
  LibbpfMissingError,
  NotBpffsError,
  VerifierError,
} from "./errors.ts";
export { type Feature, type FeatureName, probeFeature, probeFeatures } from "./features.ts";
export { type HandleKind, type OpenHandle, openHandles } from "./handles.ts";
export type { LinkInfo, MapInfo, ProgramInfo } from "./info.ts";
export { BpfLink, type LinkUpdateOptions } from "./link.ts";
export { BpfMap } from "./map.ts";
export type { BatchOptions, MapBatch } from "./map-batch.ts";
export type { LookupOptions, MapOptions, OpenPinnedMapOptions, UpdateOptions } from "./map-options.ts";
export { BpfObject, type ObjectOptions, openObject } from "./object.ts";
export { addPerCpu, perCpuStride, possibleCpus, splitPerCpu } from "./per-cpu.ts";
export { assertBpffs, isOnBpffs, makePinFolder, type PinOptions, unpin } from "./pin.ts";
export {
  type ProbedMapType,
  type ProgramType,
  probeBatch,
  probeBtf,
  probeCgroupLink,
  probeMapType,
  probeProgramType,
  probeRawTracepoint,
} from "./probe.ts";
export { BpfProgram } from "./program.ts";
export { RingBuffer } from "./ring-buffer.ts";
export { enableRunStatistics } from "./statistics.ts";
export type { TestRun, TestRunOptions } from "./test-run.ts";
export { type CgroupAttachType, cgroupAttachTypes, type MapType, mapFlags, mapTypes } from "./types.ts";
export type { VariableValue } from "./variables.ts";
export type { VerifierRefusal } from "./verifier-refusal.ts";
