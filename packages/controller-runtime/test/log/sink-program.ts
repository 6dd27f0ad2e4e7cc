// Run by the tests as a process of its own: logs `count` lines of a kilobyte to standard error, then ends as told.

import { once } from "node:events";
import { stderrSink } from "../../src/log/descriptor-sink.ts";
import { createLogger } from "../../src/log/logger.ts";

const [count = "0", end = "return", start = "now"] = process.argv.slice(2);
const log = createLogger({ format: "json", stream: stderrSink() });
if (start === "on-input") await once(process.stdin, "data");
for (let line = 0; line < Number(count); line += 1) log.info("x".repeat(1000), { line });
if (end === "exit") process.exit(7);
if (end === "throw") throw new Error("uncaught");
process.stdin.destroy();
