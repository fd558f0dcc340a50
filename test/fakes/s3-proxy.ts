/** Between a store and its S3 server: passes everything on, and does harm to every n-th request. */
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const faultKinds = [
  "reset before the server acts",
  "reset after the server acted",
  "no answer",
  "no answer, but the server acted",
  "429",
  "500",
  "503 SlowDown",
  "403 expired",
  "body cut off",
  "body cut off with a fitting length",
  "wrong ETag",
  "200 with an error inside, nothing done",
  "done twice",
  "answer of the request before",
  "one byte at a time",
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Harm {
  readonly kind: FaultKind;
  /** Every so many requests, from the `every`-th on. */
  readonly every: number;
  /** Only these; default all. */
  readonly only?: (request: ProxiedRequest) => boolean;
}

export interface ProxiedRequest {
  readonly method: string;
  readonly url: string;
}

export interface S3Proxy {
  readonly endpoint: string;
  harm: Harm | undefined;
  readonly seen: ProxiedRequest[];
  /** Another answer than the server gave, where it returns something. */
  change: ((request: ProxiedRequest, answer: Answer) => Answer | undefined) | undefined;
  /** Answers instead of the server where it returns something. */
  answer: ((request: ProxiedRequest, headers: Record<string, string>) => Answer | undefined) | undefined;
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[]>;
  readonly body: Buffer;
}

export async function startS3Proxy(upstream: string): Promise<S3Proxy> {
  const { hostname, port } = new URL(upstream);
  let count = 0;
  let before: Answer | undefined;

  const forward = (asked: IncomingMessage, headers: Record<string, string>, body: Buffer): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const { method, url } = asked;
      const sent = request({ hostname, port, method, path: url, headers, agent: false }, (response) => {
        collect(response).then((bytes) => {
          const kept = Object.entries(response.headers).filter(([name]) => !hopByHop.has(name));
          resolve({
            status: response.statusCode ?? 0,
            headers: Object.fromEntries(kept) as Record<string, string>,
            body: bytes,
          });
        }, reject);
      });
      sent.on("error", reject);
      sent.end(body);
    });

  async function serve(asked: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await collect(asked);
    const seen = { method: asked.method ?? "", url: asked.url ?? "" };
    const headers = { ...asked.headers } as Record<string, string>;
    proxy.seen.push(seen);
    const own = proxy.answer?.(seen, headers);
    if (own !== undefined) {
      send(response, own, seen.method);
      return;
    }
    const { harm } = proxy;
    const hit = harm !== undefined && (harm.only?.(seen) ?? true) && (count += 1) % harm.every === 0;
    const act = (): Promise<Answer> => forward(asked, headers, body);
    if (hit) {
      const answer = await harmful(harm.kind, { act, response, before, ...seen });
      if (answer !== undefined) send(response, answer, seen.method);
      return;
    }
    const answer = await act();
    before = answer;
    send(response, proxy.change?.(seen, answer) ?? answer, seen.method);
  }

  const server = createServer((asked, response) => {
    response.on("error", () => {});
    serve(asked, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy: S3Proxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    harm: undefined,
    seen: [],
    change: undefined,
    answer: undefined,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return proxy;
}

const hopByHop = new Set(["connection", "keep-alive", "transfer-encoding", "content-length"]);

interface Victim extends ProxiedRequest {
  readonly act: () => Promise<Answer>;
  readonly response: ServerResponse;
  readonly before: Answer | undefined;
}

/** Does what the kind says; what it then answers, or undefined where it has dealt with the connection itself. */
async function harmful(
  kind: FaultKind,
  { act, response, before, method, url }: Victim,
): Promise<Answer | undefined> {
  // Of a read object's bytes nobody could tell that they are another answer's; servers do this to writes and listings.
  const isBlind = method === "HEAD" || (method === "GET" && !/[?&](list-type|uploads|retention)/.test(url));
  switch (kind) {
    case "reset before the server acts":
      response.socket?.resetAndDestroy();
      return undefined;
    case "reset after the server acted":
      await act();
      response.socket?.resetAndDestroy();
      return undefined;
    case "no answer":
      return undefined;
    case "no answer, but the server acted":
      await act();
      return undefined;
    case "429":
      return refusal(429, "TooManyRequests");
    case "500":
      return refusal(500, "InternalError");
    case "503 SlowDown":
      return refusal(503, "SlowDown");
    case "403 expired":
      return refusal(403, "ExpiredToken");
    case "body cut off": {
      const { status, headers, body } = await act();
      response.writeHead(status, { ...headers, "content-length": body.length });
      response.write(body.subarray(0, body.length >> 1), () => response.socket?.destroy());
      return undefined;
    }
    case "body cut off with a fitting length": {
      const answer = await act();
      return { ...answer, body: answer.body.subarray(0, answer.body.length >> 1) };
    }
    case "wrong ETag": {
      const answer = await act();
      return { ...answer, headers: { ...answer.headers, etag: '"00000000000000000000000000000000"' } };
    }
    case "200 with an error inside, nothing done":
      return isBlind ? await act() : { ...refusal(500, "InternalError"), status: 200 };
    case "done twice":
      await act();
      return await act();
    case "answer of the request before":
      return isBlind || before === undefined ? await act() : before;
    case "one byte at a time": {
      const answer = await act();
      const { status, headers, body } = answer;
      if (method === "HEAD" || body.length < 10) return answer;
      response.writeHead(status, { ...headers, "content-length": body.length });
      // So slow that it stands for standing still: nobody waits for the rest.
      for (const byte of body.subarray(0, 10)) response.write(Buffer.of(byte));
      return undefined;
    }
  }
}

export function refusal(status: number, code: string, message = "Injected"): Answer {
  const body = Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  );
  return { status, headers: { "content-type": "application/xml" }, body };
}

function send(response: ServerResponse, { status, headers, body }: Answer, method: string): void {
  if (method === "HEAD") {
    response.writeHead(status, headers);
    response.end();
    return;
  }
  response.writeHead(status, { ...headers, "content-length": body.length });
  response.end(body);
}

async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
