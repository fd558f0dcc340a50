/** Reads a whole pack once, in order: what verification compares with the index. */
import { createHash } from "node:crypto";
import { LifeboatError } from "../errors.ts";
import type { PackPlace } from "./objects.ts";
import { type DecodedFrame, decodedFrames } from "./pack-frames.ts";
import { endOfTarBytes, paddingOf, tarBlockBytes } from "./pack-layout.ts";
import { readTarHeader, TarRefused } from "./tar-header.ts";
import { decodeTarName } from "./tar-name.ts";

export interface WalkedEntry extends PackPlace {
  readonly bucket: string;
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/**
 * Every entry of a pack's zstd stream (`unsealStream`), in memory that does not grow. `snapshot-damaged` for whatever
 * no pack has: links, devices and folders; absolute or climbing names and those with NUL; an entry that does not begin
 * a frame; a missing end, or bytes behind it. Every frame is decoded, every checksum compared.
 */
export async function* walkPack(
  pack: string,
  zstd: AsyncIterable<Uint8Array>,
): AsyncGenerator<WalkedEntry, void, undefined> {
  const frames = decodedFrames(zstd);
  const tar = new TarOfFrames(frames);
  let entry: string | undefined;
  try {
    for (;;) {
      entry = undefined;
      const start = { ...tar.position };
      const header = await readTarHeader((length) => tar.take(length));
      if (header === undefined) break;
      entry = header.name;
      const object = decodeTarName(entry);
      if (object === undefined) throw new TarRefused("has a name that no object can have");
      const skip = tar.position.decoded - start.decoded;
      const sha256 = await tar.hashOf(header.size);
      if (!isZero(await tar.take(paddingOf(header.size)))) throw new TarRefused("has no padding behind it");
      if (!tar.isAtFrameEnd) throw new TarRefused("shares a frame with what follows");
      const length = tar.position.encoded - start.encoded;
      yield { ...object, size: header.size, sha256, pack, offset: start.encoded, length, skip };
    }
    if (!isZero(await tar.take(endOfTarBytes - tarBlockBytes)) || !(await tar.isAtEnd())) {
      throw new TarRefused("something follows its end");
    }
  } catch (error) {
    throw asDamagedPack(error, pack, entry);
  } finally {
    await frames.return();
  }
}

interface Position {
  /** Bytes of tar that were taken. */
  decoded: number;
  /** Bytes of the zstd stream up to the end of the frame that was taken from. */
  encoded: number;
}

class TarOfFrames {
  readonly position: Position = { decoded: 0, encoded: 0 };
  readonly #frames: AsyncGenerator<DecodedFrame, void, undefined>;
  /** What is left of the current frame. */
  #rest: Uint8Array = new Uint8Array(0);

  constructor(frames: AsyncGenerator<DecodedFrame, void, undefined>) {
    this.#frames = frames;
  }

  get isAtFrameEnd(): boolean {
    return this.#rest.length === 0;
  }

  async take(length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for await (const part of this.#parts(length)) parts.push(part);
    return Buffer.concat(parts);
  }

  async hashOf(length: number): Promise<string> {
    const hash = createHash("sha256");
    for await (const part of this.#parts(length)) hash.update(part);
    return hash.digest("hex");
  }

  async isAtEnd(): Promise<boolean> {
    return !(await this.#fill());
  }

  async *#parts(length: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let left = length; left > 0;) {
      if (!(await this.#fill())) throw new TarRefused("it ends before its end");
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      this.position.decoded += part.length;
      left -= part.length;
      yield part;
    }
  }

  /** Whether there is a byte to take. */
  async #fill(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const step = await this.#frames.next();
      if (step.done === true) return false;
      this.#rest = step.value.bytes;
      this.position.encoded = step.value.offset + step.value.length;
    }
    return true;
  }
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function asDamagedPack(error: unknown, pack: string, entry: string | undefined): unknown {
  const isRefusal = error instanceof TarRefused;
  if (!isRefusal && !(error instanceof LifeboatError && error.code === "sealed-file-damaged")) return error;
  const named = isRefusal ? (error.entry ?? entry) : entry;
  const what = named === undefined ? "" : `the entry ${JSON.stringify(named)} `;
  return new LifeboatError("snapshot-damaged", `Pack ${pack} is damaged: ${what}${error.message}.`, {
    cause: error,
    publicSentence: `Pack ${pack} holds something that is not what was stored.`,
  });
}
