export { Backoff, type BackoffOptions } from "./backoff.ts";
export { Cache, type CacheOptions, type InformerWish } from "./cache/cache.ts";
export { digestOf } from "./cache/digest.ts";
export type { ChangeHandler, Informer, Reader } from "./cache/informer.ts";
export { compareResourceVersions } from "./cache/resource-version.ts";
export type { Change, Indexers, Origin } from "./cache/store.ts";
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
export { type Keys, type Watch, type WatchOptions, watch, watchChanges } from "./controller/watch.ts";
export { type Deadline, startDeadline } from "./deadline.ts";
export type { Page, WatchEvent, WatchEventType } from "./decode/decoder.ts";
export type { Projection } from "./decode/projection.ts";
export * from "./errors.ts";
export { stderrSink } from "./log/descriptor-sink.ts";
export { createLogger, type LineSink, type LoggerOptions } from "./log/logger.ts";
export { type LogFields, type Logger, type LogLevel, silentLogger } from "./log.ts";
export { Manager, type ManagerOptions, type ReadyCheck, type Runnable } from "./manager/manager.ts";
export { type PageContent, type PageServer, type ServerAddress, servePages } from "./manager/server.ts";
export { type StopSignals, stopSignals } from "./manager/signals.ts";
export { cacheMetrics, clientMetrics, controllerMetrics } from "./metrics/metrics.ts";
export * from "./object.ts";
export { registerWorkQueueMetrics } from "./queue/metrics.ts";
export type { WorkQueueMetrics } from "./queue/observer.ts";
export { Priority } from "./queue/priority.ts";
export { type AddOptions, type QueueItem, WorkQueue, type WorkQueueOptions } from "./queue/work-queue.ts";
export * from "./resource.ts";
