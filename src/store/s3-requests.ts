/** The way to one bucket: every request with a time limit, tried again where that can help, and its refusal explained. */
import type { S3Client } from "@aws-sdk/client-s3";
import { proxiedAgents } from "../system/proxy.ts";
import type { NodeHttpHandler } from "@smithy/node-http-handler";
import { LifeboatError } from "../errors.ts";
import type { S3Address } from "./s3-address.ts";
import { type Act, refusal } from "./s3-errors.ts";
import type { Sleep } from "./with-retries.ts";

/** The SDK as it is loaded on the first request: every start of the program would pay for it. */
export type Sdk = typeof import("@aws-sdk/client-s3");

export interface Asking {
  readonly sdk: Sdk;
  readonly client: S3Client;
  readonly signal: AbortSignal;
}

export interface Request extends Act {
  /** Bytes that travel, for the time limit. Default 0. */
  readonly bytes?: number;
  /** Called before each try after the first. */
  readonly onRetry?: () => void;
}

export interface S3Requests {
  readonly bucket: string;
  /** The key below the address's prefix. */
  full(key: string): string;
  /**
   * The answer of one request, tried up to four times. `work` must allow that: its bytes are in memory, and doing it
   * twice does no harm. Expected answers (404, 412, unknown features) pass through as the SDK throws them.
   */
  ask<T>(request: Request, work: (asking: Asking) => Promise<T>): Promise<T>;
  /** One try, whose connection stays open until the caller aborts it: for bodies that are streamed. */
  open<T>(request: Request, connection: AbortController, work: (asking: Asking) => Promise<T>): Promise<T>;
  /** The store's own time, as its last answer said it. */
  serverDate(): Date | undefined;
}

export interface S3RequestSettings {
  readonly address: S3Address;
  readonly sleep: Sleep;
  /** All tries of one request. Default 4. */
  readonly tries?: number;
  readonly firstWaitMs?: number;
  /** For an answer without bytes. Default 60 s. */
  readonly answerWithinMs?: number;
  /** What bytes may take beyond that. Default 128 KiB. */
  readonly slowestBytesPerSecond?: number;
  /** Of the SDK, instead of its own chain: for tests. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export function s3Requests(settings: S3RequestSettings): S3Requests {
  const { address, sleep, tries = 4, firstWaitMs = 250 } = settings;
  const { answerWithinMs = 60_000, slowestBytesPerSecond = 128 * 1024 } = settings;
  const { bucket, prefix } = address;
  let serverDate: Date | undefined;
  let loaded: Promise<{ sdk: Sdk; client: S3Client }> | undefined;

  const connected = (): Promise<{ sdk: Sdk; client: S3Client }> => {
    loaded ??= connect(settings, (date) => (serverDate = date)).catch((thrown: unknown) => {
      loaded = undefined;
      throw thrown;
    });
    return loaded;
  };

  async function once<T>(
    { bytes = 0 }: Request,
    connection: AbortController,
    work: (asking: Asking) => Promise<T>,
  ): Promise<T> {
    const limitMs = answerWithinMs + (bytes / slowestBytesPerSecond) * 1000;
    const late = (): void => connection.abort(new Error(`no answer within ${Math.round(limitMs)} ms`));
    const timer = setTimeout(late, limitMs);
    try {
      return await work({ ...(await connected()), signal: connection.signal });
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    bucket,
    full: (key) => (prefix === "" ? key : `${prefix}/${key}`),
    ask: async (request, work) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await once(request, new AbortController(), work);
        } catch (thrown) {
          if (attempt === 1 && wasSkewed(thrown)) continue;
          const { code } = refusal(thrown, request, bucket);
          if (code !== "store-temporary" || attempt === tries) throw thrown;
          await sleep(firstWaitMs * 2 ** (attempt - 1) * (0.5 + Math.random() / 2));
          request.onRetry?.();
        }
      }
    },
    open: once,
    serverDate: () => serverDate,
  };
}

/** The result of `work`, or what stood in its way as one of our errors. */
export async function explained<T>(requests: S3Requests, act: Act, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    throw refusal(thrown, act, requests.bucket);
  }
}

async function connect(
  { address, credentials }: S3RequestSettings,
  onDate: (date: Date) => void,
): Promise<{ sdk: Sdk; client: S3Client }> {
  // Eager: loaded from the same bundle, not from a file beside it.
  const sdk = await import(/* webpackMode: "eager" */ "@aws-sdk/client-s3");
  const http = await import(/* webpackMode: "eager" */ "@smithy/node-http-handler");
  const { endpoint, region, pathStyle, profile } = address;
  const config = {
    forcePathStyle: pathStyle,
    // Ours: the store sends SHA-256 itself, and compatibles refuse what they do not know.
    requestChecksumCalculation: "WHEN_REQUIRED" as const,
    responseChecksumValidation: "WHEN_REQUIRED" as const,
    maxAttempts: 1,
    requestHandler: dated(
      new http.NodeHttpHandler({ connectionTimeout: 10_000, ...proxiedAgents() }),
      onDate,
    ),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(profile === undefined ? {} : { profile }),
    ...(credentials === undefined ? {} : { credentials }),
  };
  const client = new sdk.S3Client(config);
  // Compatibles rarely have regions, but a signature names one.
  if (endpoint === undefined || (await client.config.region().catch(() => undefined)) !== undefined) {
    return { sdk, client };
  }
  return { sdk, client: new sdk.S3Client({ ...config, region: "us-east-1" }) };
}

/** The handler, which also tells the date of every answer. */
function dated(handler: NodeHttpHandler, onDate: (date: Date) => void): NodeHttpHandler {
  const handle = handler.handle.bind(handler);
  handler.handle = async (...sent) => {
    const answer = await handle(...sent);
    const date = new Date(answer.response.headers["date"] ?? Number.NaN);
    if (!Number.isNaN(date.getTime())) onDate(date);
    return answer;
  };
  return handler;
}

/** A signature was refused for its date; the SDK has learned the store's from that answer. */
function wasSkewed(thrown: unknown): boolean {
  const { $metadata } = thrown as { $metadata?: { clockSkewCorrected?: boolean } };
  return $metadata?.clockSkewCorrected === true;
}

/** Whether waiting may help. */
export function isTemporary(thrown: unknown): boolean {
  return thrown instanceof LifeboatError && thrown.code === "store-temporary";
}
