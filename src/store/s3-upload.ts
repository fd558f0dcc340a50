/**
 * New objects: one request, or a multipart upload where the stream is longer than a part. Each carries the SHA-256 of
 * what was sent, which the store verifies, and creates only where nothing stands. Nothing here proves what is stored.
 */
import { createHash } from "node:crypto";
import { LifeboatError } from "../errors.ts";
import type { Logger } from "../system/logger.ts";
import type { Proof } from "./proof.ts";
import { isConditionFailed, isMissing, unknownFeature } from "./s3-errors.ts";
import type { Lock } from "./s3-lock.ts";
import { mostParts, partsOf, type PartSizes } from "./s3-parts.ts";
import { explained, type S3Requests } from "./s3-requests.ts";

export interface Uploaded extends Proof {
  /** `unclear`: the object was there at the end, but perhaps not by this upload. */
  readonly outcome: "created" | "unclear";
}

/** How a new object is kept; absent: as the bucket keeps everything. */
export interface Keeping {
  readonly lock?: Lock;
  readonly storageClass?: string;
}

export interface S3Uploads {
  /** An error of `bytes` passes through unchanged. */
  upload(key: string, bytes: AsyncIterable<Uint8Array>, keeping?: Keeping): Promise<Uploaded>;
  /** Ends what unfinished uploads below the prefix have stored, as far as the credentials may; never throws. */
  abort(keyPrefix: string): Promise<void>;
}

export interface S3UploadSettings {
  readonly requests: S3Requests;
  readonly sizes: PartSizes;
  readonly logger: Logger;
}

const putting = { right: "s3:PutObject", kind: "write" } as const;
const aborting = { right: "s3:AbortMultipartUpload", kind: "write" } as const;
const listing = { right: "s3:ListBucketMultipartUploads", kind: "list" } as const;
const partsAtOnce = 3;
/** Cheaper storage classes bill small objects as if they were this long. */
const smallestClassedBytes = 128 * 1024;

interface SentPart {
  readonly PartNumber: number;
  readonly ETag: string | undefined;
  readonly ChecksumSHA256?: string;
}

/** Whether a request was sent again, so that an earlier one may have acted already. */
class Tries {
  repeated = false;
  again(): void {
    this.repeated = true;
  }
}

export function s3Uploads({ requests, sizes, logger }: S3UploadSettings): S3Uploads {
  /** Turned off for good where the server says that it does not know them. */
  const known = { checksum: true, condition: true };

  async function adapting<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (thrown) {
        const feature = unknownFeature(thrown);
        if (feature === undefined || !known[feature]) throw thrown;
        known[feature] = false;
        logger.debug(`The S3 server does not know the ${feature} of a write; going on without.`);
      }
    }
  }

  const condition = (): { IfNoneMatch?: string } => (known.condition ? { IfNoneMatch: "*" } : {});

  async function single(key: string, body: Buffer, keeping: Keeping): Promise<Uploaded["outcome"]> {
    const tries = new Tries();
    const request = { ...putting, bytes: body.length, onRetry: () => tries.again() };
    try {
      await adapting(() =>
        requests.ask(request, ({ sdk, client, signal }) =>
          client.send(
            new sdk.PutObjectCommand({
              Bucket: requests.bucket,
              Key: requests.full(key),
              Body: body,
              ContentLength: body.length,
              ContentType: "application/octet-stream",
              ...digest(body, known.checksum),
              ...condition(),
              ...keepingHeaders(keeping, body.length),
            }),
            { abortSignal: signal },
          ),
        ),
      );
    } catch (thrown) {
      if (!isConditionFailed(thrown)) throw thrown;
      return "unclear";
    }
    return tries.repeated ? "unclear" : "created";
  }

  async function multipart(
    key: string,
    parts: AsyncIterable<{ readonly number: number; readonly bytes: Buffer }>,
    keeping: Keeping,
  ): Promise<Uploaded["outcome"]> {
    const tries = new Tries();
    let withChecksums = true;
    const { UploadId } = await adapting(() => {
      withChecksums = known.checksum;
      return requests.ask({ ...putting, onRetry: () => tries.again() }, ({ sdk, client, signal }) =>
        client.send(
          new sdk.CreateMultipartUploadCommand({
            Bucket: requests.bucket,
            Key: requests.full(key),
            ContentType: "application/octet-stream",
            ...(withChecksums ? { ChecksumAlgorithm: "SHA256" } : {}),
            ...keepingHeaders(keeping, smallestClassedBytes),
          }),
          { abortSignal: signal },
        ),
      );
    });
    if (UploadId === undefined)
      throw new LifeboatError("store-temporary", "The store began an upload without an id.");
    let done = false;
    try {
      const sent = await sendParts(key, UploadId, parts, withChecksums);
      const outcome = await complete(key, UploadId, sent);
      done = true;
      return outcome;
    } finally {
      if (!done) await abortOne(key, UploadId);
      // An answer was lost: the store may have begun an upload that nobody knows by its id.
      if (tries.repeated) await abort(key, key);
    }
  }

  async function sendParts(
    key: string,
    uploadId: string,
    parts: AsyncIterable<{ readonly number: number; readonly bytes: Buffer }>,
    withChecksums: boolean,
  ): Promise<readonly SentPart[]> {
    const sent: SentPart[] = [];
    const inFlight = new Set<Promise<void>>();
    const failures: unknown[] = [];
    const send = async (number: number, body: Buffer): Promise<void> => {
      const checksum = digest(body, withChecksums);
      const { ETag } = await requests.ask({ ...putting, bytes: body.length }, ({ sdk, client, signal }) =>
        client.send(
          new sdk.UploadPartCommand({
            Bucket: requests.bucket,
            Key: requests.full(key),
            UploadId: uploadId,
            PartNumber: number,
            Body: body,
            ContentLength: body.length,
            ...checksum,
          }),
          { abortSignal: signal },
        ),
      );
      const { ChecksumSHA256 } = checksum;
      sent.push({ PartNumber: number, ETag, ...(ChecksumSHA256 === undefined ? {} : { ChecksumSHA256 }) });
    };
    try {
      for await (const { number, bytes } of parts) {
        if (number > mostParts) throw tooLong(key);
        const sending: Promise<void> = send(number, bytes)
          .catch((thrown: unknown) => void failures.push(thrown))
          .finally(() => inFlight.delete(sending));
        inFlight.add(sending);
        if (inFlight.size >= partsAtOnce) await Promise.race(inFlight);
        if (failures.length > 0) break;
      }
    } finally {
      // An upload that is aborted while its parts travel keeps those that arrive later.
      await Promise.all(inFlight);
    }
    if (failures.length > 0) throw failures[0];
    return sent.sort((one, other) => one.PartNumber - other.PartNumber);
  }

  async function complete(
    key: string,
    uploadId: string,
    parts: readonly SentPart[],
  ): Promise<Uploaded["outcome"]> {
    const tries = new Tries();
    try {
      await adapting(() =>
        requests.ask({ ...putting, onRetry: () => tries.again() }, ({ sdk, client, signal }) =>
          client.send(
            new sdk.CompleteMultipartUploadCommand({
              Bucket: requests.bucket,
              Key: requests.full(key),
              UploadId: uploadId,
              MultipartUpload: { Parts: [...parts] },
              ...condition(),
            }),
            { abortSignal: signal },
          ),
        ),
      );
    } catch (thrown) {
      if (isConditionFailed(thrown)) {
        await abortOne(key, uploadId);
        return "unclear";
      }
      // The upload is gone because an earlier try has completed it, though its answer was lost.
      if (!tries.repeated || !isMissing(thrown)) throw thrown;
    }
    return tries.repeated ? "unclear" : "created";
  }

  async function abortOne(key: string, uploadId: string): Promise<void> {
    await requests
      .ask(aborting, ({ sdk, client, signal }) =>
        client.send(
          new sdk.AbortMultipartUploadCommand({
            Bucket: requests.bucket,
            Key: requests.full(key),
            UploadId: uploadId,
          }),
          { abortSignal: signal },
        ),
      )
      .catch(() =>
        logger.debug("An unfinished multipart upload could not be aborted; a lifecycle rule should."),
      );
  }

  async function abort(keyPrefix: string, only?: string): Promise<void> {
    const { Uploads = [] } = await requests
      .ask(listing, ({ sdk, client, signal }) =>
        client.send(
          new sdk.ListMultipartUploadsCommand({ Bucket: requests.bucket, Prefix: requests.full(keyPrefix) }),
          { abortSignal: signal },
        ),
      )
      .catch(() => ({ Uploads: [] }));
    const skipped = requests.full("").length;
    for (const { Key, UploadId } of Uploads) {
      if (Key === undefined || UploadId === undefined) continue;
      const key = Key.slice(skipped);
      if (only === undefined || key === only) await abortOne(key, UploadId);
    }
  }

  return {
    upload: async (key, bytes, keeping = {}) => {
      const hash = createHash("sha256");
      let length = 0;
      const source = sourceErrorsApart(bytes);
      const parts = partsOf(source.bytes, sizes);
      async function* counted() {
        for await (const part of parts) {
          hash.update(part.bytes);
          length += part.bytes.length;
          yield part;
        }
      }
      const counting = counted();
      try {
        const first = await counting.next();
        if (first.done === true) throw new LifeboatError("unexpected", "A stream has at least one part.");
        const work = first.value.isLast
          ? single(key, first.value.bytes, keeping)
          : multipart(key, precededBy(first.value, counting), keeping);
        const outcome = await explained(requests, putting, work);
        return { outcome, length, sha256: hash.digest("hex") };
      } catch (thrown) {
        const failure = source.failure();
        throw failure === undefined ? thrown : failure.cause;
      } finally {
        await counting.return();
      }
    },
    abort: (keyPrefix) => abort(keyPrefix),
  };
}

/** The source's own error must not be taken for the store's. */
function sourceErrorsApart(bytes: AsyncIterable<Uint8Array>): {
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly failure: () => { readonly cause: unknown } | undefined;
} {
  let failure: { readonly cause: unknown } | undefined;
  async function* watched(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* bytes;
    } catch (cause) {
      failure = { cause };
      throw cause;
    }
  }
  return { bytes: watched(), failure: () => failure };
}

async function* precededBy<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  yield first;
  yield* rest;
}

/** SHA-256 where the server knows it, else MD5, which every server verifies. */
function digest(body: Buffer, sha256: boolean): { ChecksumSHA256?: string; ContentMD5?: string } {
  if (sha256) return { ChecksumSHA256: createHash("sha256").update(body).digest("base64") };
  return { ContentMD5: createHash("md5").update(body).digest("base64") };
}

function keepingHeaders({ lock, storageClass }: Keeping, bytes: number) {
  const isClassed = storageClass !== undefined && bytes >= smallestClassedBytes;
  const mode = lock?.mode === "compliance" ? ("COMPLIANCE" as const) : ("GOVERNANCE" as const);
  return {
    ...(isClassed ? { StorageClass: storageClass as never } : {}),
    ...(lock === undefined ? {} : { ObjectLockMode: mode, ObjectLockRetainUntilDate: lock.until }),
  };
}

function tooLong(key: string): LifeboatError {
  return new LifeboatError(
    "store-write-failed",
    `${key} is longer than ${mostParts} parts of this size can be.`,
    {
      hint: "Add part-size=64 (MiB, or more) to the store's address.",
    },
  );
}
