/** The file that undici's index re-exports as `Pool`; see docs/decisions/003-undici-pool-alone.md. */
declare module "undici/lib/dispatcher/pool.js" {
  // biome-ignore lint/style/noDefaultExport: that is what the file has
  export { Pool as default } from "undici";
}
