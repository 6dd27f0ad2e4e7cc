import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { setImmediate as nextTurn } from "node:timers/promises";

/*
 * Tries what each line asks for, `tcp 7000`, and answers `open` or `closed`.
 *
 * What is dropped gives no sign. So after each try a fence goes the same way over a connection that stands: what was sent before
 * it has arrived before it. Two of them, since the server may read the fence before the try that came with it.
 */
const POD = "192.0.2.2";
let fence: Socket | undefined;

const fenced = async (): Promise<void> => {
  await nextTurn();
  for (let round = 0; round < 2; round++) {
    fence?.write("!");
    if (fence !== undefined) await once(fence, "data");
    await nextTurn();
  }
};

const tryTcp = async (port: number): Promise<boolean> => {
  const socket = connect({ port, host: POD });
  let reached = false;
  socket
    .on("error", () => {})
    .on("connect", () => {
      reached = true;
    });
  await fenced();
  socket.destroy();
  return reached;
};

const tryUdp = async (port: number): Promise<boolean> => {
  const socket = createSocket("udp4");
  let reached = false;
  socket
    .on("error", () => {})
    .on("message", () => {
      reached = true;
    });
  await new Promise((sent) => socket.send("?", port, POD, sent));
  await fenced();
  socket.close();
  return reached;
};

for await (const line of createInterface({ input: process.stdin })) {
  const [protocol, port] = line.split(" ");
  if (protocol === "fence") {
    fence = connect({ port: Number(port), host: POD, noDelay: true });
    await once(fence, "connect");
    process.stdout.write("open\n");
    continue;
  }
  const reached = await (protocol === "tcp" ? tryTcp : tryUdp)(Number(port));
  process.stdout.write(reached ? "open\n" : "closed\n");
}
