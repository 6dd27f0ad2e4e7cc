import { defineConfig } from "vitest/config";

/** What `make chaos` runs: too long for every run of the tests. */
// biome-ignore lint/style/noDefaultExport: vitest reads the default export
export default defineConfig({
  test: {
    include: ["packages/operator/test/chaos/*.chaos.ts"],
    reporters: ["verbose", "./scripts/summary-reporter.ts"],
    pool: "forks",
    // One after the other: a machine that is busy with another story tells less about this one.
    maxWorkers: 1,
    hookTimeout: 120_000,
  },
});
