/**
 * One rewrap: new age headers for the payloads of one snapshot, or of one pack, which stay as they are. Public, like
 * snapshot.json, and like it the document ends with the hash of its own bytes. docs/format.md is its page.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { LifeboatError } from "../errors.ts";
import { headerLength } from "../seal/age-header.ts";
import { isSnapshotId } from "./ids.ts";
import { isFileName, isPackFileName } from "./keys.ts";
import { selfHashHolds, withSelfHash } from "./self-hash.ts";
import { type Extent, extentSchema } from "./snapshot-json.ts";
import { listOf } from "./list-of.ts";

export const rewrapFormatVersion = 1;

const rewrappedFile = z.looseObject({
  name: z.string().refine((name) => isFileName(name) || isPackFileName(name)),
  /** Of the stored file, so that a header cannot be taken for another file's. */
  payload: extentSchema,
  header: extentSchema.extend({ base64: z.base64() }),
  /** Fingerprints of those whom this header opens for. */
  recipients: listOf(z.string()).refine(({ length }) => length > 0),
});

const rewrapSchema = z.looseObject({
  formatVersion: z.literal(rewrapFormatVersion),
  source: z.string(),
  /** Of the snapshot or pack. */
  id: z.string().refine(isSnapshotId),
  time: z.iso.datetime(),
  versions: z.looseObject({ lifeboat: z.string() }),
  files: listOf(rewrappedFile).refine(({ length }) => length > 0),
  sha256: z.string(),
});

export type RewrapJson = z.infer<typeof rewrapSchema>;
export type RewrappedFile = z.infer<typeof rewrappedFile>;
export type RewrapFields = Omit<RewrapJson, "sha256" | "formatVersion">;

/** One header of a rewrap. */
export function rewrappedFileOf(
  file: { readonly name: string; readonly payload: Extent },
  header: Uint8Array,
  recipients: readonly string[],
): RewrappedFile {
  const { length, sha256 } = file.payload;
  return {
    name: file.name,
    payload: { length, sha256 },
    header: { length: header.length, sha256: hashOf(header), base64: Buffer.from(header).toString("base64") },
    recipients: [...recipients],
  };
}

export function writeRewrap(fields: RewrapFields): Uint8Array {
  // A document that is written again ends with its new hash, whatever hash it had.
  const own = Object.entries(fields).filter(([name]) => name !== "formatVersion" && name !== "sha256");
  return Buffer.from(withSelfHash({ formatVersion: rewrapFormatVersion, ...Object.fromEntries(own) }));
}

/** Reads stored bytes; throws `rewrap-damaged` naming the key, or `snapshot-too-new` for a later format. */
export function readRewrap(
  stored: Uint8Array,
  expected: { readonly source: string; readonly id: string; readonly key: string },
): RewrapJson {
  const bad = (why: string, cause?: unknown): LifeboatError =>
    new LifeboatError("rewrap-damaged", `${expected.key} ${why}.`, { cause });
  if (!selfHashHolds(stored)) throw bad("does not match its own SHA-256: bytes were changed or are missing");
  const document = parse(stored);
  const version = z.looseObject({ formatVersion: z.number() }).safeParse(document).data?.formatVersion;
  if (version !== undefined && version > rewrapFormatVersion) {
    throw new LifeboatError("snapshot-too-new", `${expected.key} has format version ${version}.`);
  }
  const result = rewrapSchema.safeParse(document);
  if (!result.success) throw bad("does not have the fields of the format", result.error);
  const { id, source, files } = result.data;
  if (id !== expected.id || source !== expected.source) {
    throw bad(`belongs to ${id} of source "${source}": files were swapped`);
  }
  for (const { name, header } of files) {
    const bytes = headerBytes({ header });
    const whole = bytes.length === header.length && headerLength(bytes) === header.length;
    if (!whole || hashOf(bytes) !== header.sha256) throw bad(`holds no whole header for ${name}`);
  }
  return result.data;
}

export function headerBytes({ header }: Pick<RewrappedFile, "header">): Uint8Array {
  return Buffer.from(header.base64, "base64");
}

/** Whether the header was made for exactly this payload. */
export function isBoundTo(rewrapped: RewrappedFile, payload: Extent): boolean {
  return rewrapped.payload.sha256 === payload.sha256 && rewrapped.payload.length === payload.length;
}

function parse(stored: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(stored).toString("utf8"));
  } catch {
    return undefined;
  }
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
