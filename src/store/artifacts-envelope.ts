/**
 * What a slot's artifact holds: one small file, and copies of those that were there before it, so that a reader gets two
 * hundred snapshots for one download. A copy counts only while its own artifact is still listed with the same digest.
 */
import { z } from "zod";
import { snapshotJsonKey, snapshotJsonName } from "../snapshot/keys.ts";
import { familyOfKey } from "./artifacts-names.ts";
import { snapshotOfKey } from "./store-key.ts";

export interface Envelope {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly earlier: readonly EarlierFile[];
  /** How many slots its family used when it was written, its own included; absent in the oldest envelopes. */
  readonly slots?: number | undefined;
}

export interface EarlierFile {
  readonly artifactId: number;
  /** `sha256:<hex>` of the artifact that held it. */
  readonly digest: string;
  readonly key: string;
  readonly bytes: Uint8Array;
}

const formatVersion = 1;
/** Copies are a convenience that every commit pays for: beyond this the oldest are read from their own artifacts. */
const mostEarlierBytes = 4 * 1024 * 1024;

const file = z.union([
  z.object({ id: z.string(), snapshotJson: z.string() }),
  z.object({ key: z.string(), text: z.string() }),
  z.object({ key: z.string(), base64: z.base64() }),
]);
const earlierFile = z.intersection(z.object({ artifactId: z.int().positive(), digest: z.string() }), file);
const envelopeSchema = z.intersection(
  z.object({
    format: z.literal(formatVersion),
    source: z.string().optional(),
    slots: z.int().nonnegative().optional(),
    earlier: z.array(earlierFile),
  }),
  file,
);

export function writeEnvelope({ key, bytes, earlier, slots }: Envelope): Uint8Array {
  const source = snapshotOfKey(key)?.source;
  const document = {
    format: formatVersion,
    ...(source === undefined ? {} : { source }),
    ...fields(key, bytes),
    ...(slots === undefined ? {} : { slots }),
    earlier: newestThatFit(earlier).map((one) => ({
      artifactId: one.artifactId,
      digest: one.digest,
      ...fields(one.key, one.bytes),
    })),
  };
  return Buffer.from(`${JSON.stringify(document, null, 1)}\n`);
}

/** Undefined where the bytes are no envelope of this format. */
export function parseEnvelope(bytes: Uint8Array): Envelope | undefined {
  try {
    const envelope = envelopeSchema.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
    const held = heldFile(envelope, envelope.source);
    const earlier = envelope.earlier.map((one) => ({
      artifactId: one.artifactId,
      digest: one.digest,
      ...heldFile(one, envelope.source),
    }));
    return { ...held, earlier, slots: envelope.slots };
  } catch {
    // Whatever is wrong with it, the caller reports the artifact by its number.
    return undefined;
  }
}

function fields(key: string, bytes: Uint8Array): object {
  const text = Buffer.from(bytes).toString("utf8");
  if (!Buffer.from(text, "utf8").equals(bytes)) return { key, base64: Buffer.from(bytes).toString("base64") };
  const snapshot = snapshotOfKey(key);
  return snapshot?.name === snapshotJsonName ? { id: snapshot.id, snapshotJson: text } : { key, text };
}

function heldFile(
  held: z.infer<typeof file>,
  source: string | undefined,
): { key: string; bytes: Uint8Array } {
  if ("snapshotJson" in held) {
    return { key: snapshotJsonKey(source ?? "", held.id), bytes: Buffer.from(held.snapshotJson) };
  }
  // One strange key must not break a listing: the whole envelope counts as unreadable.
  if (familyOfKey(held.key) === undefined) throw new Error("not a key that an envelope holds");
  if ("text" in held) return { key: held.key, bytes: Buffer.from(held.text) };
  return { key: held.key, bytes: Buffer.from(held.base64, "base64") };
}

function newestThatFit(earlier: readonly EarlierFile[]): readonly EarlierFile[] {
  let room = mostEarlierBytes;
  const newestFirst = [...earlier].sort((one, other) => other.artifactId - one.artifactId);
  return newestFirst.filter((one) => (room -= one.bytes.length) >= 0);
}
