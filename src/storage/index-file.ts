/**
 * index.zst.age, decompressed: JSON Lines, so that a million objects stream through both ways. The first line says whose
 * index it is, then comes one object a line in the order of `compareObjects`, and the last line counts them.
 */
import { isUtf8 } from "node:buffer";
import { z } from "zod";
import { LifeboatError } from "../errors.ts";
import { isSnapshotId } from "../snapshot/ids.ts";
import { formatVersion } from "../snapshot/snapshot-json.ts";
import { compareObjects, type StoredObject } from "./objects.ts";

/** Whose index it is. */
export interface IndexOwner {
  readonly id: string;
  readonly source: string;
}

/** User metadata has 1 MiB at most, and JSON may write each byte of it as six. */
const maxLineBytes = 8 * 1024 * 1024;
const writtenPieceLength = 128 * 1024;

const text = z.string().refine((value) => value.isWellFormed());
const count = z.int().nonnegative();
const some = z.string().optional();
const someOrNone = z.string().nullable().optional();

// Loose: fields that a later minor version adds must survive a round trip through this one.
const storedObject = z.looseObject({
  bucket: text.min(1),
  name: text.min(1),
  id: some,
  version: some,
  size: count,
  etag: some,
  contentType: some,
  cacheControl: some,
  xRobotsTag: some,
  userMetadata: z.record(z.string(), z.unknown()).nullable().optional(),
  owner: someOrNone,
  ownerId: someOrNone,
  createdAt: some,
  updatedAt: some,
  lastAccessedAt: someOrNone,
  pack: z.string().refine(isSnapshotId),
  offset: count,
  length: z.int().positive(),
  skip: z.int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const optionalTexts = [
  "id",
  "version",
  "etag",
  "contentType",
  "cacheControl",
  "xRobotsTag",
  "createdAt",
  "updatedAt",
] as const;
const optionalTextsOrNull = ["owner", "ownerId", "lastAccessedAt"] as const;

/** What `storedObject` surely takes: asking it about each of a million lines, twice, takes seconds. */
function surelyHasFields(value: object): boolean {
  const fields = value as Readonly<Record<string, unknown>>;
  const { bucket, name, size, pack, offset, length, skip, sha256, userMetadata } = fields;
  return (
    isName(bucket) &&
    isName(name) &&
    isCount(size) &&
    isCount(offset) &&
    isCount(length) &&
    length > 0 &&
    isCount(skip) &&
    skip > 0 &&
    typeof pack === "string" &&
    isSnapshotId(pack) &&
    typeof sha256 === "string" &&
    /^[0-9a-f]{64}$/.test(sha256) &&
    userMetadata == null &&
    optionalTexts.every((key) => fields[key] === undefined || typeof fields[key] === "string") &&
    optionalTextsOrNull.every((key) => fields[key] == null || typeof fields[key] === "string")
  );
}

function isName(value: unknown): boolean {
  return typeof value === "string" && value !== "" && value.isWellFormed();
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

const firstLine = z.looseObject({
  formatVersion: z.literal(formatVersion),
  id: z.string(),
  source: z.string(),
});

const lastLine = z.looseObject({ end: count, bytes: count });

/** The bytes of an index; its objects must come in strictly ascending order. */
export async function* writeIndex(
  owner: IndexOwner,
  objects: AsyncIterable<StoredObject>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let piece = line({ formatVersion, id: owner.id, source: owner.source });
  let end = 0;
  let bytes = 0;
  let before: StoredObject | undefined;
  for await (const object of objects) {
    if (before !== undefined && compareObjects(before, object) >= 0) {
      throw new LifeboatError("unexpected", "The objects of an index did not come in order, each once.");
    }
    before = object;
    end += 1;
    bytes += object.size;
    piece += line(object);
    if (piece.length < writtenPieceLength) continue;
    yield Buffer.from(piece);
    piece = "";
  }
  yield Buffer.from(piece + line({ end, bytes }));
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

/**
 * The objects of an index, each line checked, in strictly ascending order. Throws `snapshot-damaged` unless it is whole
 * and the expected one's (whoever stops before the end has no proof of that), and `snapshot-too-new` for a later format.
 */
export async function* readIndex(
  bytes: AsyncIterable<Uint8Array>,
  expected: IndexOwner,
): AsyncGenerator<StoredObject, void, undefined> {
  let number = 0;
  const damaged = (why: string, cause?: unknown): LifeboatError =>
    new LifeboatError("snapshot-damaged", `The index of ${expected.id}, line ${number}, ${why}.`, { cause });
  let before: StoredObject | undefined;
  let total = 0;
  let isEnded = false;
  for await (const lines of linesOf(bytes, damaged)) {
    for (const text of lines) {
      number += 1;
      const value = parse(text, damaged);
      if (number === 1) {
        checkOwner(value, expected, damaged);
        continue;
      }
      if (isEnded) throw damaged("comes behind the end");
      if ("end" in value && !("bucket" in value)) {
        const last = lastLine.safeParse(value);
        if (!last.success) throw damaged("is no end", last.error);
        if (last.data.end !== number - 2 || last.data.bytes !== total) {
          throw damaged(`promises ${last.data.end} objects of ${last.data.bytes} bytes, which are not there`);
        }
        isEnded = true;
        continue;
      }
      if (!surelyHasFields(value)) {
        const result = storedObject.safeParse(value);
        if (!result.success) throw damaged("does not have the fields of the format", result.error);
      }
      const object = value as unknown as StoredObject;
      if (before !== undefined && compareObjects(before, object) >= 0) throw damaged("is out of order");
      before = object;
      total += object.size;
      yield object;
    }
  }
  if (!isEnded) throw damaged("is not the end, but nothing follows");
}

type Damaged = (why: string, cause?: unknown) => LifeboatError;

function parse(text: string, damaged: Damaged): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged("is not JSON", cause);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw damaged("is not a JSON object");
}

function checkOwner(value: object, expected: IndexOwner, damaged: Damaged): void {
  if ("formatVersion" in value && typeof value.formatVersion === "number") {
    if (value.formatVersion > formatVersion) {
      throw new LifeboatError(
        "snapshot-too-new",
        `The index of ${expected.id} has format version ${value.formatVersion}; this Lifeboat reads up to ${formatVersion}.`,
      );
    }
  }
  const result = firstLine.safeParse(value);
  if (!result.success) throw damaged("is not the first line of an index", result.error);
  const { id, source } = result.data;
  if (id !== expected.id || source !== expected.source) throw damaged(`belongs to snapshot ${id}`);
}

/** All lines, those together that came together; only whole lines of UTF-8 are lines. */
async function* linesOf(
  bytes: AsyncIterable<Uint8Array>,
  damaged: Damaged,
): AsyncGenerator<readonly string[], void, undefined> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const part of bytes) {
    const end = part.lastIndexOf(0x0a) + 1;
    if (end > 0) {
      const whole = Buffer.concat([...held, part.subarray(0, end - 1)]);
      if (!isUtf8(whole)) throw damaged("or one of the next is not UTF-8");
      held = [];
      heldBytes = 0;
      yield whole.toString("utf8").split("\n");
    }
    if (end === part.length) continue;
    held.push(part.subarray(end));
    heldBytes += part.length - end;
    if (heldBytes > maxLineBytes) throw damaged("is too long");
  }
  if (heldBytes > 0) throw damaged("or one of the next is cut short");
}

/**
 * Several ascending sequences as one. The same object twice is an error: shards of one backup share none.
 */
export async function* mergeIndexes<T extends Pick<StoredObject, "bucket" | "name">>(
  readers: readonly AsyncIterable<T>[],
): AsyncGenerator<T, void, undefined> {
  const iterators = readers.map((reader) => reader[Symbol.asyncIterator]());
  try {
    const heads = await Promise.all(iterators.map((iterator) => iterator.next()));
    let before: T | undefined;
    for (;;) {
      let least = -1;
      let leastObject: T | undefined;
      for (const [index, head] of heads.entries()) {
        if (head.done === true) continue;
        if (leastObject !== undefined && compareObjects(head.value, leastObject) >= 0) continue;
        least = index;
        leastObject = head.value;
      }
      const iterator = iterators[least];
      if (iterator === undefined || leastObject === undefined) return;
      if (before !== undefined && compareObjects(before, leastObject) >= 0) {
        throw new LifeboatError("snapshot-damaged", "Indexes that should be joined name an object twice.");
      }
      before = leastObject;
      yield leastObject;
      heads[least] = await iterator.next();
    }
  } finally {
    await Promise.allSettled(iterators.map(async (iterator) => iterator.return?.()));
  }
}
