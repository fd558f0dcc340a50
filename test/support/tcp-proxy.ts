/** A network between us and a server that can be cut or fall silent. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Bytes that came from the server. */
  readonly receivedBytes: number;
  /**
   * `cut`: every connection is reset, once so many bytes came (or were `sent` to the server); `stall`: nothing passes
   * any more, all stays open.
   */
  after(bytes: number, fault: "cut" | "stall", counted?: "received" | "sent"): void;
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let receivedBytes = 0;
  let limit = Number.POSITIVE_INFINITY;
  let fault: "cut" | "stall" = "cut";
  let countsSent = false;
  let countedBytes = 0;
  const server = createServer((client) => {
    const upstream = connect(targetPort, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => sockets.delete(socket));
    }
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
    const pass = (to: Socket, isSent: boolean) => (chunk: Buffer) => {
      if (!isSent) receivedBytes += chunk.length;
      if (isSent === countsSent) countedBytes += chunk.length;
      if (countedBytes < limit) to.write(chunk);
      else if (fault === "cut") sockets.forEach((socket) => socket.resetAndDestroy());
    };
    client.on("data", pass(upstream, true));
    upstream.on("data", pass(client, false));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    get receivedBytes() {
      return receivedBytes;
    },
    after(bytes, kind, counted = "received") {
      [limit, fault] = [bytes, kind];
      countsSent = counted === "sent";
      [receivedBytes, countedBytes] = [0, 0];
    },
    async [Symbol.asyncDispose]() {
      sockets.forEach((socket) => socket.destroy());
      server.close();
      await once(server, "close");
    },
  };
}
