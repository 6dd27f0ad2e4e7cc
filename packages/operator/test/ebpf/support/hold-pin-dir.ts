import { takePinDir } from "../../../src/ebpf/pin-lock.ts";

// A process that takes the pin directory it is given, says so, and keeps it until it is ended.
takePinDir(process.argv[2] ?? "");
process.stdout.write("taken\n");
setInterval(() => {}, 1000);
