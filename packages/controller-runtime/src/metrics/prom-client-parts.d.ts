/** The files that prom-client's index re-exports; see docs/decisions/007-prom-client-in-parts.md. */
declare module "prom-client/lib/counter.js" {
  // biome-ignore lint/style/noDefaultExport: that is what the file has
  export { Counter as default } from "prom-client";
}
declare module "prom-client/lib/gauge.js" {
  // biome-ignore lint/style/noDefaultExport: that is what the file has
  export { Gauge as default } from "prom-client";
}
declare module "prom-client/lib/histogram.js" {
  // biome-ignore lint/style/noDefaultExport: that is what the file has
  export { Histogram as default } from "prom-client";
}
declare module "prom-client/lib/registry.js" {
  // biome-ignore lint/style/noDefaultExport: that is what the file has
  export { Registry as default } from "prom-client";
}
declare module "prom-client/lib/defaultMetrics.js" {
  // biome-ignore lint/style/noDefaultExport: that is what the file has
  export { collectDefaultMetrics as default } from "prom-client";
}
