/*
 * A process with sockets that a test moves from outside: one JSON line in, one out, by number. It ends when its input does.
 */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";

export type Command =
  | { readonly do: "listen"; readonly port: number }
  | { readonly do: "stopListening"; readonly port: number }
  /** Answers when the connection stands. */
  | {
      readonly do: "connect";
      readonly name: string;
      readonly host: string;
      readonly port: number;
      readonly from?: string;
    }
  /** Sends a byte over a connection, and answers when it has come back. */
  | { readonly do: "exchange"; readonly name: string }
  | { readonly do: "bind"; readonly name: string; readonly host: string; readonly port: number }
  | {
      readonly do: "send";
      readonly name: string;
      readonly host: string;
      readonly port: number;
      readonly text: string;
      readonly times?: number;
    }
  /** Ends all connections, those too that do not stand yet. */
  | { readonly do: "disconnect" }
  /** What a UDP socket has received, in order. */
  | { readonly do: "received"; readonly name: string };

const servers = new Map<number, Server>();
const connections = new Map<string, Socket>();
const sockets = new Map<string, { readonly socket: UdpSocket; readonly received: string[] }>();

const get = <Value>(map: ReadonlyMap<string, Value>, name: string): Value => {
  const value = map.get(name);
  if (value === undefined) throw new Error(`there is no ${name}`);
  return value;
};

const listen = async (port: number): Promise<void> => {
  const server = createServer((socket) => socket.on("error", () => {}).pipe(socket));
  servers.set(port, server);
  await once(server.listen(port, "::"), "listening");
};

const bind = async (command: Extract<Command, { do: "bind" }>): Promise<void> => {
  const socket = createSocket(command.host.includes(":") ? "udp6" : "udp4");
  const received: string[] = [];
  socket.on("message", (message) => received.push(message.toString()));
  socket.bind(command.port, command.host);
  await once(socket, "listening");
  sockets.set(command.name, { socket, received });
};

const send = ({ name, host, port, text }: Extract<Command, { do: "send" }>): Promise<void> => {
  const { socket } = get(sockets, name);
  return new Promise((resolve, reject) =>
    socket.send(text, port, host, (error) => {
      // What a program drops on its way out is EPERM to the sender.
      if (error === null || ("code" in error && error.code === "EPERM")) resolve();
      else reject(error);
    }),
  );
};

const perform = async (command: Command): Promise<unknown> => {
  switch (command.do) {
    case "listen":
      return listen(command.port);
    case "stopListening":
      return void servers.get(command.port)?.close();
    case "connect": {
      const { host, port, from } = command;
      const socket = connect({ host, port, ...(from === undefined ? {} : { localAddress: from }) });
      connections.set(command.name, socket);
      await once(socket, "connect");
      socket.on("error", () => {});
      return undefined;
    }
    case "exchange": {
      const socket = get(connections, command.name);
      socket.write("x");
      return void (await once(socket, "data"));
    }
    case "bind":
      return bind(command);
    case "send":
      for (let time = 0; time < (command.times ?? 1); time++) await send(command);
      return undefined;
    case "disconnect":
      // A reset leaves nothing to be sent again, as an end does behind data that was dropped.
      for (const socket of connections.values()) socket.connecting ? socket.destroy() : socket.resetAndDestroy();
      return connections.clear();
    case "received":
      return get(sockets, command.name).received;
  }
};

createInterface({ input: process.stdin })
  .on("line", async (line) => {
    const { id, command }: { readonly id: number; readonly command: Command } = JSON.parse(line);
    const answer = await perform(command).then(
      (value) => ({ id, value }),
      (error: Error) => ({ id, error: error.message }),
    );
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  })
  .on("close", () => process.exit());
