// Not its index: that loads a push gateway and a cluster besides, and http, https and child_process with them.
// See docs/decisions/007-prom-client-in-parts.md.
import Counter from "prom-client/lib/counter.js";
import collectDefaultMetrics from "prom-client/lib/defaultMetrics.js";
import Gauge from "prom-client/lib/gauge.js";
import Histogram from "prom-client/lib/histogram.js";
import Registry from "prom-client/lib/registry.js";

export { Counter, collectDefaultMetrics, Gauge, Histogram, Registry };
