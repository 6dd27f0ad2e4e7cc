import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

/*
 * Answers on each port it is given, TCP and UDP, and tells what arrives, a line each. The first port is for the prober's fence: a
 * TCP connection that echoes. The first line says that all listen.
 */
const [fence, ...ports] = process.argv.slice(2).map(Number);

const echo = createServer((socket) => {
  socket.on("error", () => {});
  socket.pipe(socket);
}).listen(fence, "0.0.0.0");
await once(echo, "listening");

for (const port of ports) {
  const server = createServer((socket) => {
    process.stdout.write(`tcp ${port}\n`);
    socket.on("error", () => {});
    socket.end("here");
  }).listen(port, "0.0.0.0");
  const socket = createSocket("udp4").bind(port, "0.0.0.0");
  socket.on("message", (message, { address, port: from }) => {
    process.stdout.write(`udp ${port}\n`);
    socket.send(message, from, address);
  });
  await Promise.all([once(server, "listening"), once(socket, "listening")]);
}
process.stdout.write("listening\n");
