/** A real HTTP server on the loopback that writes down its requests and answers as it is told. */
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface Received {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly type: string | undefined;
  readonly body: string;
}

export interface WebServer extends AsyncDisposable {
  /** `http://127.0.0.1:1234` */
  readonly url: string;
  readonly received: Received[];
}

export type Answer = number | ((response: ServerResponse) => void);

/** `answers` to the first requests, in their order; to all others the last of them. */
export async function startWebServer(...answers: readonly [Answer, ...Answer[]]): Promise<WebServer> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const answer = answers[received.length] ?? answers.at(-1)!;
    const { method, url, headers } = request;
    const entry = { method, path: url, type: headers["content-type"], body: "" };
    received.push(entry);
    void text(request).then(
      (body) => {
        entry.body = body;
        if (typeof answer === "number") response.writeHead(answer).end("words of the server");
        else answer(response);
      },
      () => response.destroy(),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
