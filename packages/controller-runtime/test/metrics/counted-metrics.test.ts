/*
 * Invariants
 * - What is counted by hand reads, as text and as JSON, as what prom-client counts itself.
 * - Two metrics of one name are refused.
 */
import fc from "fast-check";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { expect, test } from "vitest";
import { countedCounter, countedGauge, countedHistogram } from "../../src/metrics/counted-metrics.ts";

const BUCKETS = [0.1, 1, 10];

/** All that prom-client can do, and how we do the same. */
const pair = () => {
  const [ours, theirs] = [new Registry(), new Registry()];
  const common = { registry: ours, help: "Help,\nin two lines.", labels: ["verb", "host"] };
  const their = { help: "Help,\nin two lines.", labelNames: ["verb", "host"], registers: [theirs] };
  return {
    ours,
    theirs,
    own: {
      counter: countedCounter({ ...common, name: "c_total" }),
      gauge: countedGauge({ ...common, name: "g" }),
      histogram: countedHistogram({ ...common, name: "h_seconds", buckets: BUCKETS }),
    },
    prom: {
      counter: new Counter({ ...their, name: "c_total" }),
      gauge: new Gauge({ ...their, name: "g" }),
      histogram: new Histogram({ ...their, name: "h_seconds", buckets: BUCKETS }),
    },
  };
};

/** We have no exemplars; prom-client writes the field in any case. */
const asJson = async (registry: Registry): Promise<unknown> =>
  JSON.parse(
    JSON.stringify(await registry.getMetricsAsJSON(), (name, value) => (name === "exemplar" ? undefined : value)),
  );

const label = fc.constantFrom("a", 'with "quotes"', "back\\slash", "two\nlines", "");
const amount = fc.oneof(fc.constantFrom(...BUCKETS), fc.double({ min: 0, max: 20, noNaN: true }));
const step = fc.record({
  verb: label,
  host: label,
  amount,
  what: fc.constantFrom("counter", "gauge", "histogram", "remove"),
});

test("reads as prom-client's own, whatever is counted and removed", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { ours, theirs, own, prom } = pair();
      for (const { verb, host, amount, what } of steps) {
        if (what === "counter") {
          own.counter.at(verb, host).value += amount;
          prom.counter.inc({ verb, host }, amount);
        } else if (what === "gauge") {
          own.gauge.at(verb, host).value = amount;
          prom.gauge.set({ verb, host }, amount);
        } else if (what === "histogram") {
          own.histogram.at(verb, host).observe(amount);
          prom.histogram.observe({ verb, host }, amount);
        } else {
          for (const series of Object.values(own)) series.remove("host", host);
          for (const metric of Object.values(prom)) {
            for (const other of ["a", 'with "quotes"', "back\\slash", "two\nlines", ""]) {
              metric.remove({ verb: other, host });
            }
          }
        }
      }
      expect(await ours.metrics()).toBe(await theirs.metrics());
      expect(await asJson(ours)).toEqual(await asJson(theirs));
    }),
  );
});

test("a second metric of the same name is refused", () => {
  const { ours } = pair();
  expect(() => countedCounter({ registry: ours, name: "c_total", help: "c", labels: ["a"] })).toThrow("c_total");
});
