/** snapshot.json, the commit point: public, so it holds nothing from inside the backup. docs/format.md is its page. */
import { z } from "zod";
import { LifeboatError } from "../errors.ts";
import { isSnapshotId } from "./ids.ts";
import { isFileName, isSourceName } from "./keys.ts";
import { selfHashHolds, withSelfHash } from "./self-hash.ts";
import { type SigningKey, signatureOf } from "./signature.ts";
import { parseJsonWithin } from "../system/bounded.ts";
import { mostJsonValues } from "./size-limits.ts";
import { listOf } from "./list-of.ts";

export const formatVersion = 1;
export const tiers = ["hourly", "daily", "weekly", "monthly", "yearly"] as const;
export type Tier = (typeof tiers)[number];

const hex64 = z.string().regex(/^[0-9a-f]{64}$/);
const bytes = z.int().nonnegative();
const moment = z.iso.datetime();

export const extentSchema = z.looseObject({
  /** Bytes. */
  length: bytes,
  sha256: hex64,
});

const sealedFile = z.looseObject({
  name: z.string().refine(isFileName),
  /** The age header, replaced by rotation. */
  header: extentSchema,
  /** Nonce and chunks: what never changes. */
  payload: extentSchema,
});

export const sharedPack = z.looseObject({
  id: z.string().refine(isSnapshotId),
  /** Bytes of objects in it that this snapshot uses, before compression. */
  liveBytes: bytes,
  /** Bytes of all objects in it, before compression. */
  rawBytes: bytes,
  /** The age header when the pack was written. */
  header: extentSchema,
  payload: extentSchema,
});

/** What a later snapshot remembers of a head that it saw, so that nobody can take it away or swap it unnoticed. */
export const seenHead = z.looseObject({
  id: z.string().refine(isSnapshotId),
  /** The last line of its snapshot.json. */
  sha256: hex64,
  tiers: listOf(z.enum(tiers)),
  /** When the store would remove it by itself; absent where it never does. */
  expires: moment.exactOptional(),
});

export type SeenHead = z.infer<typeof seenHead>;

/** The end of the ledger when a backup began: records that no other one followed yet. */
export const seenLedger = z.looseObject({
  /** A branch, or a store's address. */
  place: z.string(),
  /** Id of the store that it is kept in; absent for a branch, and in older snapshots. */
  store: z.string().exactOptional(),
  last: listOf(z.looseObject({ sha256: hex64, time: moment })),
});

export type SeenLedger = z.infer<typeof seenLedger>;

/** What each clock said when the backup began; `times` and the id are by the one that they agreed on. */
const readClocks = z.looseObject({
  runner: moment,
  server: moment.exactOptional(),
  api: moment.exactOptional(),
  store: moment.exactOptional(),
});

// Loose objects: fields that a later minor version adds must survive a round trip through this one.
const snapshotSchema = z.looseObject({
  formatVersion: z.literal(formatVersion),
  id: z.string().refine(isSnapshotId),
  source: z.string().refine(isSourceName),
  kind: z.enum(["database", "storage", "application"]),
  /** `incomplete`: safe but not whole; neither restore nor prune takes it for whole. */
  state: z.enum(["whole", "incomplete"]),
  tiers: listOf(z.enum(tiers)),
  times: z.looseObject({ started: moment, snapshot: moment, finished: moment }),
  versions: z.looseObject({
    lifeboat: z.string(),
    server: z.string().optional(),
    client: z.string().optional(),
  }),
  /** Fingerprints (src/seal/recipients.ts), not the recipients themselves. */
  recipients: listOf(z.string()),
  totals: z.looseObject({
    tables: bytes,
    rows: bytes,
    objects: bytes,
    rawBytes: bytes,
    sealedBytes: bytes,
    /** Storage: objects of the snapshot before it that are replaced or gone; absent where there was none to compare. */
    objectsChanged: bytes.exactOptional(),
  }),
  /** Files beside the snapshot that it shares with others: those of storage snapshots. */
  packs: listOf(sharedPack),
  /** Ids of the newest snapshots that this one saw: the history's graph. */
  heads: listOf(z.string().refine(isSnapshotId)),
  /** The same heads, with what proves them; those that could not be read are missing here. */
  seen: listOf(seenHead).exactOptional(),
  /** What proves that the ledger had these records; absent where none was kept or it could not be read. */
  ledger: seenLedger.exactOptional(),
  clocks: readClocks.exactOptional(),
  /** Tells one database from another without naming it; absent where the role may not ask (src/postgres/left-out.ts). */
  origin: z.string().exactOptional(),
  files: listOf(sealedFile).refine(({ length }) => length > 0),
  signature: z.string().optional(),
  sha256: hex64,
});

export type SnapshotJson = z.infer<typeof snapshotSchema>;
export type SealedFile = z.infer<typeof sealedFile>;
export type SharedPack = z.infer<typeof sharedPack>;
export type Extent = z.infer<typeof extentSchema>;
export type SnapshotFields = Omit<SnapshotJson, "sha256" | "signature" | "formatVersion">;

/** The bytes to store: fields in a fixed order, signed where a key is given, ending with their own hash. */
export function writeSnapshotJson(fields: SnapshotFields, signingKey?: SigningKey): Uint8Array {
  const document = { formatVersion, ...fields };
  const signed =
    signingKey === undefined ? document : { ...document, signature: signatureOf(document, signingKey) };
  return Buffer.from(withSelfHash(signed));
}

/**
 * Reads stored bytes as the snapshot that `expected` names.
 * Throws `snapshot-damaged` for changed, cut or swapped bytes and `snapshot-too-new` for a later format.
 */
export function readSnapshotJson(
  stored: Uint8Array,
  expected: { readonly source: string; readonly id: string },
): SnapshotJson {
  const damaged = (why: string, cause?: unknown): LifeboatError =>
    new LifeboatError("snapshot-damaged", `snapshot.json of ${expected.id} ${why}.`, { cause });
  if (!selfHashHolds(stored))
    throw damaged("does not match its own SHA-256: bytes were changed or are missing");
  const document = parse(stored, damaged);
  const version = document["formatVersion"];
  if (typeof version === "number" && version > formatVersion) {
    throw new LifeboatError(
      "snapshot-too-new",
      `Snapshot ${expected.id} has format version ${version}; this Lifeboat reads up to ${formatVersion}.`,
    );
  }
  const result = snapshotSchema.safeParse(document);
  if (!result.success) throw damaged("does not have the fields of the format", result.error);
  if (result.data.id !== expected.id || result.data.source !== expected.source) {
    throw damaged(
      `belongs to snapshot ${result.data.id} of source "${result.data.source}": files were swapped`,
    );
  }
  return result.data;
}

function parse(
  stored: Uint8Array,
  damaged: (why: string, cause?: unknown) => LifeboatError,
): Record<string, unknown> {
  try {
    const document = parseJsonWithin(stored, mostJsonValues, "snapshot.json");
    if (typeof document === "object" && document !== null) return document as Record<string, unknown>;
  } catch (cause) {
    throw damaged("is not JSON", cause);
  }
  throw damaged("is not a JSON object");
}
