/** One HTTP request to the fake and its answer, and what a test may ask to go wrong with it. */
import type { IncomingMessage, ServerResponse } from "node:http";

export interface Exchange {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage["headers"];
  body(): Promise<Buffer>;
  json(status: number, document: unknown, headers?: Record<string, string>): void;
  send(status: number, bytes: Uint8Array, headers?: Record<string, string>): void;
  /** Sends headers and the first bytes, then drops the connection. */
  breakOff(status: number, bytes: Uint8Array, headers: Record<string, string>, after: number): void;
  drop(): void;
}

export interface LoggedRequest {
  readonly method: string;
  readonly path: string;
  readonly kind: RequestKind;
}

/** `rest` counts against GitHub's rate limit; `twirp` and `blob` don't. */
export type RequestKind = "rest" | "twirp" | "blob";

/** What goes wrong, how often, and with which requests (`GET /repos/…`, `CreateArtifact`, `GET /blob/…`). */
export interface Fault {
  readonly matches: string | RegExp;
  readonly times: number;
  readonly effect:
    | { readonly kind: "status"; readonly status: number; readonly message?: string }
    /** The connection ends before any work was done. */
    | { readonly kind: "drop" }
    /** The work is done, and its answer lost in the middle: the real client then waits for ever. */
    | { readonly kind: "drop-answer" }
    /** Of a blob: its first bytes only, then the connection ends. */
    | { readonly kind: "truncate"; readonly after: number };
}

export class Faults {
  #pending: { fault: Fault; left: number }[] = [];

  add(fault: Fault): void {
    this.#pending.push({ fault, left: fault.times });
  }

  clear(): void {
    this.#pending = [];
  }

  take(what: string): Fault["effect"] | undefined {
    const hit = this.#pending.find(({ fault, left }) => left > 0 && matches(fault.matches, what));
    if (hit === undefined) return undefined;
    hit.left -= 1;
    return hit.fault.effect;
  }
}

function matches(pattern: string | RegExp, what: string): boolean {
  return typeof pattern === "string" ? what.includes(pattern) : pattern.test(what);
}

export function exchangeOf(request: IncomingMessage, response: ServerResponse, origin: string): Exchange {
  return {
    method: request.method ?? "GET",
    url: new URL(request.url ?? "/", origin),
    headers: request.headers,
    body: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    },
    json: (status, document, headers = {}) => {
      response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers });
      response.end(status === 204 ? undefined : JSON.stringify(document));
    },
    send: (status, bytes, headers = {}) => {
      response.writeHead(status, { "content-length": String(bytes.length), ...headers });
      response.end(bytes);
    },
    breakOff: (status, bytes, headers, after) => {
      response.writeHead(status, { "content-length": String(bytes.length), ...headers });
      response.write(bytes.subarray(0, after), () => setTimeout(() => response.destroy(), 20));
    },
    drop: () => {
      request.socket.destroy();
    },
  };
}
