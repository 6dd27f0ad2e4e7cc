import { run } from "./commands.ts";

// Not process.exit: it cuts off what a pipe has not taken yet.
process.exitCode = await run(process.argv.slice(2));
