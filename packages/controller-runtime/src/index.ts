export { Backoff, type BackoffOptions } from "./backoff.ts";
export { Cache, type CacheOptions, type InformerWish } from "./cache/cache.ts";
export { digestOf } from "./cache/digest.ts";
export type { ChangeHandler, Informer, InformerObserver, InformerState, Reader } from "./cache/informer.ts";
export { compareResourceVersions } from "./cache/resource-version.ts";
export type { Change, Indexers, Origin } from "./cache/store.ts";
export { Troubles } from "./cache/troubles.ts";
export { type WriteThrough, writeThrough } from "./cache/write-through.ts";
export {
  type ApplyOptions,
  type CallOptions,
  Client,
  type ClientOptions,
  type DeleteOptions,
  isUncertain,
  type ListOptions,
  type PatchOptions,
  type WatchOptions as ClientWatchOptions,
  type WriteOptions,
} from "./client/client.ts";
export { untilAborted } from "./client/until-aborted.ts";
export { type Clock, type Random, sleep, systemClock, type Timer } from "./clock.ts";
export type { ClusterConfig, TlsMaterial } from "./config/cluster-config.ts";
export { type LoadClusterConfigOptions, loadClusterConfig } from "./config/load.ts";
export {
  Controller,
  type ControllerObserver,
  type ControllerOptions,
  type Outcome,
  type Reconcile,
  type ReconcileContext,
  type ReconcileResult,
} from "./controller/controller.ts";
export { errorType, snakeCase } from "./controller/error-type.ts";
export { type HeldBack, holdUntilSynced, type SyncState } from "./controller/hold-until-synced.ts";
export { type Keys, type Watch, type WatchOptions, watch, watchChanges } from "./controller/watch.ts";
export { type AbortSource, type Deadline, startDeadline, type WorkDeadline } from "./deadline.ts";
export type { Page, WatchEvent, WatchEventType } from "./decode/decoder.ts";
export type { Projection } from "./decode/projection.ts";
export * from "./errors.ts";
export {
  Events,
  type EventType,
  type NewEvent,
  type ObjectReference,
  type Recorder,
  referenceTo,
} from "./events/event.ts";
export { eventMetrics } from "./events/metrics.ts";
export type { DropReason, EventObserver } from "./events/observer.ts";
export { EventRecorder, type EventRecorderOptions } from "./events/recorder.ts";
export type { EventSink } from "./events/writer.ts";
export { firstOf } from "./first-of.ts";
export type { LeaderElectionObserver } from "./leader/election.ts";
export { type ElectionRun, LeaderElector, type LeaderElectorOptions, type LeaseClient } from "./leader/elector.ts";
export { type Lease, Leases } from "./leader/lease.ts";
export { leaderElectionMetrics } from "./leader/metrics.ts";
export type { ElectionSettings } from "./leader/settings.ts";
export { NotLeadingError, type Term } from "./leader/term.ts";
export { stderrSink } from "./log/descriptor-sink.ts";
export { createLogger, type LineSink, type LoggerOptions } from "./log/logger.ts";
export { type LogFields, type Logger, type LogLevel, silentLogger } from "./log.ts";
export { Manager, type ManagerOptions, type ReadyCheck, type Runnable } from "./manager/manager.ts";
export { type PageContent, type PageServer, type ServerAddress, servePages } from "./manager/server.ts";
export { type StopSignals, stopSignals } from "./manager/signals.ts";
export type { BucketCounts } from "./metrics/bucket-counts.ts";
export { cacheMetrics } from "./metrics/cache-metrics.ts";
export { clientMetrics } from "./metrics/client-metrics.ts";
export { controllerMetrics } from "./metrics/controller-metrics.ts";
export { type Count, type CountedOptions, countedCounter, countedHistogram } from "./metrics/counted-metrics.ts";
export { processMetrics } from "./metrics/process-metrics.ts";
export { Registry } from "./metrics/prom-client.ts";
export { type ReadOptions, readCounter, readGauge, type Sample } from "./metrics/read-metrics.ts";
export type { Labels, Series } from "./metrics/series.ts";
export * from "./object.ts";
export { registerWorkQueueMetrics } from "./queue/metrics.ts";
export type { WorkQueueMetrics } from "./queue/observer.ts";
export { Priority } from "./queue/priority.ts";
export { type AddOptions, type QueueItem, WorkQueue, type WorkQueueOptions } from "./queue/work-queue.ts";
export * from "./resource.ts";
export type { AdmissionContext, AdmissionHandler, AdmissionRoute } from "./webhook/admission-endpoint.ts";
export {
  type AdmissionResult,
  type Allowed,
  allow,
  type Denied,
  type DenyOptions,
  deny,
  invalid,
  type PatchOperation,
} from "./webhook/admission-result.ts";
export { AdmissionServer, type AdmissionServerOptions } from "./webhook/admission-server.ts";
export { type Certificate, certificatesIn, isFor, isSignedBy } from "./webhook/certificate.ts";
export { CertificateFiles, type CertificateFilesOptions } from "./webhook/certificate-files.ts";
export type { RotationPolicy } from "./webhook/certificate-rotation.ts";
export type { CertificateObserver, CertificateSource, ServingCertificate } from "./webhook/certificate-source.ts";
export type {
  AdmissionRequest,
  GroupVersionKind,
  GroupVersionResource,
  RequestingUser,
  UncheckedObject,
} from "./webhook/review.ts";
export { servingNames, type WebhookAddress } from "./webhook/serving-names.ts";
export {
  type ConfigurationReference,
  MutatingWebhookConfigurations,
  type RegisteredWebhook,
  ValidatingWebhookConfigurations,
} from "./webhook/webhook-configuration.ts";
export { webhookMetrics } from "./webhook/webhook-metrics.ts";
export type { RequestObserver, WebhookObserver } from "./webhook/webhook-observer.ts";
export {
  admissionWebhooks,
  DEFAULT_POLICY,
  type WebhookCertificates,
  type Webhooks,
  type WebhooksOptions,
} from "./webhook/webhooks.ts";
