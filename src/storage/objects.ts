/** The words in which Storage objects travel from an inventory into an index and back into buckets. */

/** One object as an inventory sees it. What the way of listing cannot tell is absent, never guessed. */
export interface InventoryObject {
  readonly bucket: string;
  /** The key exactly: may begin or end with `/` and hold `//`. */
  readonly name: string;
  /** uuid of its row in storage.objects. */
  readonly id?: string;
  /** Names the stored bytes: changes with every upload. */
  readonly version?: string;
  /** Bytes. */
  readonly size?: number;
  /** As the server writes it, with quotes. */
  readonly etag?: string;
  /** From metadata.mimetype, never from a response's header. */
  readonly contentType?: string;
  readonly cacheControl?: string;
  readonly xRobotsTag?: string;
  readonly userMetadata?: Readonly<Record<string, unknown>> | null;
  readonly owner?: string | null;
  readonly ownerId?: string | null;
  /** RFC 3339, as the server writes them. */
  readonly createdAt?: string;
  readonly updatedAt?: string;
  readonly lastAccessedAt?: string | null;
}

/** Where an object's bytes lie: whole zstd frames of one pack, which decode to its tar entry and nothing else. */
export interface PackPlace {
  readonly pack: string;
  /** Of the first frame, in the pack's zstd stream (never in the sealed file, whose header may change). */
  readonly offset: number;
  /** Bytes of its frames in the zstd stream. */
  readonly length: number;
  /** Bytes of what those frames decode to that stand before the object's first byte: its tar header. */
  readonly skip: number;
}

/** One object of a snapshot: a line of index.zst.age. */
export interface StoredObject extends InventoryObject, PackPlace {
  readonly size: number;
  /** Lower-case hex of the object's bytes. */
  readonly sha256: string;
}

/** A bucket and its settings. */
export interface Bucket {
  readonly id: string;
  readonly name: string;
  readonly public: boolean;
  /** Bytes; null: the project's own limit. */
  readonly fileSizeLimit: number | null;
  readonly allowedMimeTypes: readonly string[] | null;
  readonly owner?: string | null;
  readonly ownerId?: string | null;
  readonly createdAt?: string;
  readonly updatedAt?: string;
  readonly avifAutodetection?: boolean;
  /** `STANDARD`; others (`ANALYTICS`, …) hold no objects that the Storage API serves. */
  readonly type?: string;
}

/** The order of inventories and indexes: bucket, then name, by bytes of UTF-8, as COLLATE "C" sorts. */
export function compareObjects(
  one: Pick<InventoryObject, "bucket" | "name">,
  other: Pick<InventoryObject, "bucket" | "name">,
): number {
  return compareUtf8(one.bucket, other.bucket) || compareUtf8(one.name, other.name);
}

/**
 * By bytes of UTF-8, without making them: lists of a million objects are compared several times over. JavaScript's own
 * order differs where surrogates, which stand for what comes last, meet U+E000 to U+FFFF.
 */
export function compareUtf8(one: string, other: string): number {
  if (one === other) return 0;
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at += 1) {
    const [first, second] = [one.charCodeAt(at), other.charCodeAt(at)];
    if (first !== second) return rank(first) - rank(second);
  }
  return one.length - other.length;
}

function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
