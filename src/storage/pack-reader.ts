/** Reads single objects, and neighbours together, out of a sealed pack by ranged reads. */
import { createHash } from "node:crypto";
import { LifeboatError } from "../errors.ts";
import type { OpenOptions } from "../seal/age-header.ts";
import type { Identities } from "../seal/identities.ts";
import { type OpenedSealedFile, openSealed, type ReadRange } from "../seal/random-access.ts";
import { streamOf } from "../system/stream-of.ts";
import type { StoredObject } from "./objects.ts";
import { decodedFrames } from "./pack-frames.ts";
import { maxTarHeaderBytes, paddingOf } from "./pack-layout.ts";
import type { PlannedRead } from "./plan-reads.ts";
import { readTarHeader, TarRefused } from "./tar-header.ts";
import { encodeTarName } from "./tar-name.ts";

export interface PackSource {
  readonly pack: string;
  readonly readRange: ReadRange;
  /** Bytes of the stored file. */
  readonly sealedLength: number;
  readonly identities: Identities;
  readonly options?: OpenOptions;
}

/** An object's bytes, as often as they are asked for. */
export interface ReadableObject {
  readonly object: StoredObject;
  readonly open: () => AsyncIterable<Uint8Array>;
}

export interface OpenedPack {
  /**
   * The object's bytes for one ranged read of its frames, or several for a big one. What it yields before its end is
   * authenticated, but only the end proves size and SHA-256: `snapshot-damaged` names the object (not in public).
   */
  readObject(object: StoredObject): AsyncIterable<Uint8Array>;
  /** The objects of one planned read, in order: neighbours from one ranged read that stays in memory meanwhile. */
  readTogether(planned: PlannedRead): AsyncIterable<ReadableObject>;
}

/** Bytes of the zstd stream that are read and held at once of an object that is larger. */
const readBytes = 4 * 1024 * 1024;

export async function openPack(source: PackSource): Promise<OpenedPack> {
  const opened = await openSealed(source.readRange, source.sealedLength, source.identities, source.options);
  const readObject = (object: StoredObject): AsyncIterable<Uint8Array> => {
    checkPack(object, source.pack);
    return objectBytes(object, inReads(opened, object.offset, object.length));
  };
  return {
    readObject,
    readTogether: async function* ({ offset, length, objects }) {
      const [only] = objects;
      if (objects.length === 1 && only !== undefined) {
        yield { object: only, open: () => readObject(only) };
        return;
      }
      const zstd = await opened.read(offset, length);
      for (const object of objects) {
        checkPack(object, source.pack);
        const at = object.offset - offset;
        const frames = zstd.subarray(at, at + object.length);
        yield { object, open: () => objectBytes(object, streamOf(frames)) };
      }
    },
  };
}

function checkPack(object: StoredObject, pack: string): void {
  if (object.pack === pack) return;
  throw new LifeboatError("unexpected", `An object of pack ${object.pack} was asked of pack ${pack}.`);
}

async function* inReads(
  opened: OpenedSealedFile,
  offset: number,
  length: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < length; at += readBytes) {
    yield await opened.read(offset + at, Math.min(readBytes, length - at));
  }
}

/** The body in an object's frames; everything around it must be what the index says. */
async function* objectBytes(
  object: StoredObject,
  zstd: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { size, skip, sha256 } = object;
  const bodyEnd = skip + size;
  const end = bodyEnd + paddingOf(size);
  if (skip > maxTarHeaderBytes) throw damagedObject(object, `would begin behind ${skip} bytes of header`);
  const hash = createHash("sha256");
  const header: Uint8Array[] = [];
  let at = 0;
  try {
    for await (const { bytes } of decodedFrames(zstd, end)) {
      const inFrame = (position: number): number => Math.min(Math.max(0, position - at), bytes.length);
      if (at < skip) {
        header.push(bytes.subarray(0, inFrame(skip)));
        if (at + bytes.length >= skip) await checkHeader(object, Buffer.concat(header));
      }
      const body = bytes.subarray(inFrame(skip), inFrame(bodyEnd));
      if (bytes.subarray(inFrame(bodyEnd)).some((byte) => byte !== 0)) {
        throw damagedObject(object, "is followed by something that is no padding");
      }
      hash.update(body);
      at += bytes.length;
      if (body.length > 0) yield body;
    }
  } catch (error) {
    if (!(error instanceof LifeboatError) || error.code !== "sealed-file-damaged") throw error;
    throw damagedObject(object, "cannot be read from its pack", error);
  }
  if (at !== end)
    throw damagedObject(object, `has ${Math.max(0, at - skip)} bytes in its pack, with padding`);
  if (hash.digest("hex") !== sha256) throw damagedObject(object, "does not have its SHA-256");
}

async function checkHeader(object: StoredObject, bytes: Buffer): Promise<void> {
  let at = 0;
  try {
    const header = await readTarHeader((length) => {
      at += length;
      if (at > bytes.length) throw new TarRefused("its header is longer than the index says");
      return Promise.resolve(bytes.subarray(at - length, at));
    });
    if (header === undefined || at !== bytes.length) throw new TarRefused("its header is shorter");
    if (header.name !== encodeTarName(object)) throw new TarRefused(`it is ${JSON.stringify(header.name)}`);
    if (header.size !== object.size) throw new TarRefused(`it has ${header.size} bytes`);
  } catch (error) {
    if (!(error instanceof TarRefused)) throw error;
    throw damagedObject(object, `is something else in its pack: ${error.message}`);
  }
}

/** `what` goes on after the object's name and says nothing of it in public. */
function damagedObject(object: StoredObject, what: string, cause?: unknown): LifeboatError {
  const name = JSON.stringify(`${object.bucket}/${object.name}`);
  const numbers = `${object.size} bytes, in pack ${object.pack} at ${object.offset}`;
  return new LifeboatError("snapshot-damaged", `The object ${name} (${numbers}) ${what}.`, {
    cause,
    publicSentence: `An object (${numbers}) is not in its pack as it was stored.`,
  });
}
