/** Sealing and unsealing: an age file around a zstd stream, as a stream or, for small documents, in memory. */
import { createHash, randomBytes } from "node:crypto";
import { LifeboatError } from "../errors.ts";
import type { Extent } from "../snapshot/snapshot-json.ts";
import { streamOf } from "../system/stream-of.ts";
import { makeHeader, openHeader, type OpenOptions, splitHeader } from "./age-header.ts";
import { decryptPayload, encryptChunks, nonceBytes, payloadKey } from "./age-payload.ts";
import type { Identities } from "./identities.ts";
import type { Recipients } from "./recipients.ts";
import { compressFrame } from "./node-zstd.ts";
import { decompressStream } from "./zstd.ts";

export interface SealedExtents {
  /** The age header, replaced by rotation. */
  readonly header: Extent;
  /** The 16-byte nonce and the chunks: what never changes. */
  readonly payload: Extent;
}

export interface Sealing {
  /** The sealed file, to be read once. Errors of the source pass through unchanged. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** What was sealed; throws before `bytes` has been read to its end. */
  extents(): SealedExtents;
}

/** Seals a zstd stream for the recipients. */
export function sealStream(compressed: AsyncIterable<Uint8Array>, recipients: Recipients): Sealing {
  let sealed: SealedExtents | undefined;
  async function* bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    const { header, fileKey } = await makeHeader(recipients);
    const nonce = randomBytes(nonceBytes);
    const payload = extentMeter();
    yield header;
    payload.add(nonce);
    yield nonce;
    for await (const chunk of encryptChunks(compressed, payloadKey(fileKey, nonce))) {
      payload.add(chunk);
      yield chunk;
    }
    sealed = { header: extentOf(header), payload: payload.extent() };
  }
  return {
    bytes: bytes(),
    extents: () => {
      if (sealed !== undefined) return sealed;
      throw new LifeboatError("unexpected", "A sealed file was measured before it was complete.");
    },
  };
}

/** The zstd stream of a stored file: every byte authenticated, the whole only if it ends without an error. */
export async function* unsealStream(
  stored: AsyncIterable<Uint8Array>,
  identities: Identities,
  options: OpenOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { header, rest, close } = await splitHeader(stored);
  try {
    yield* decryptPayload(rest, await openHeader(header, identities, options));
  } finally {
    await close();
  }
}

/** Header and payload of a stored file as snapshot.json records them; needs no key. */
export async function measureSealed(stored: AsyncIterable<Uint8Array>): Promise<SealedExtents> {
  const { header, rest } = await splitHeader(stored);
  const payload = extentMeter();
  for await (const bytes of rest) payload.add(bytes);
  return { header: extentOf(header), payload: payload.extent() };
}

export interface SealedDocument {
  readonly bytes: Uint8Array;
  readonly extents: SealedExtents;
}

/** Compresses and seals a document (JSON, SQL) that fits in memory. */
export async function sealDocument(
  document: string | Uint8Array,
  recipients: Recipients,
): Promise<SealedDocument> {
  const sealing = sealStream(streamOf(compressFrame(Buffer.from(document))), recipients);
  const bytes = await collect(sealing.bytes);
  return { bytes, extents: sealing.extents() };
}

/** A value as JSON, sealed for a place that takes text only: base64 of what `sealDocument` makes. */
export async function sealedText(value: unknown, recipients: Recipients): Promise<string> {
  const { bytes } = await sealDocument(`${JSON.stringify(value, undefined, 2)}\n`, recipients);
  return Buffer.from(bytes).toString("base64");
}

/** The document of `sealDocument`, whole and authenticated; more than `maxBytes` of it is `sealed-file-damaged`. */
export async function unsealDocument(
  stored: Uint8Array,
  identities: Identities,
  maxBytes: number,
  options: OpenOptions = {},
): Promise<Uint8Array> {
  // Piece by piece: a whole frame at once takes several times its size.
  const opened = unsealStream(streamOf(stored), identities, options);
  return await collect(decompressStream(opened, { maxBytes }));
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}

interface ExtentMeter {
  add(bytes: Uint8Array): void;
  extent(): Extent;
}

function extentMeter(): ExtentMeter {
  const hash = createHash("sha256");
  let length = 0;
  return {
    add: (bytes) => {
      hash.update(bytes);
      length += bytes.length;
    },
    extent: () => ({ length, sha256: hash.digest("hex") }),
  };
}

function extentOf(bytes: Uint8Array): Extent {
  const meter = extentMeter();
  meter.add(bytes);
  return meter.extent();
}
