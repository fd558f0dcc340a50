/** Levels `unsealed` and `restored` of a storage snapshot: the index, every pack to its end, every object's bytes. */
import { createHash, randomBytes } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rm, unlink } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { asLifeboatError, LifeboatError } from "../errors.ts";
import { folderNameOfThisProcess, sweepThrowawayFolders } from "../postgres/throwaway-server-folders.ts";
import type { Identities } from "../seal/identities.ts";
import { indexName } from "../snapshot/keys.ts";
import type { SharedPack, SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { StoredObject } from "../storage/objects.ts";
import type { ReadableObject } from "../storage/pack-reader.ts";
import { walkPack, type WalkedEntry } from "../storage/walk-pack.ts";
import type { Store } from "../store/store.ts";
import type { Logger } from "../system/logger.ts";
import { judge } from "../verification/compare-database.ts";
import type { ComponentVerdict, Finding } from "../verification/findings.ts";
import { damageFinding } from "./check-stored.ts";
import { forEachObject } from "./read-objects.ts";
import { Rewraps } from "./rewraps.ts";
import { fileNamed, unsealPack } from "./sealed-files.ts";
import { indexOf } from "./storage-index.ts";

export interface BucketCheck {
  readonly store: Store;
  readonly zstd: string | undefined;
  readonly logger: Logger;
  readonly temporaryFolder: string;
  readonly signal: AbortSignal;
  readonly jobs: number;
}

/** Objects whose index entries are held while their packs are walked. */
const heldObjects = 100_000;
/** Beyond these a person reads no further. */
const maxFindings = 1000;

export async function checkUnsealedBuckets(
  snapshot: SnapshotJson,
  identities: Identities,
  means: BucketCheck,
): Promise<readonly ComponentVerdict[]> {
  let counts: ReadonlyMap<string, number>;
  try {
    counts = await countByPack(snapshot, identities, means);
  } catch (cause) {
    return [judge("index", 1, [damageFinding(cause, fileNamed(snapshot, indexName))])];
  }
  const findings: Finding[] = [];
  const rewraps = new Rewraps(means.store, snapshot.source);
  let checked = 0;
  for (const group of groups(snapshot.packs, counts)) {
    const { wanted, twice } = await entriesOf(group, snapshot, identities, means);
    findings.push(...twice.map((entry) => objectFinding(entry, "shares its place with another")));
    checked += twice.length;
    for (const pack of group) {
      means.signal.throwIfAborted();
      const left = wanted.get(pack.id) ?? new Map<number, StoredObject>();
      checked += left.size;
      findings.push(...(await checkPack(pack, left, snapshot, identities, means, rewraps)));
    }
  }
  return [judge("index", snapshot.totals.objects, []), judge("objects", checked, limited(findings))];
}

/** How many objects each pack holds for this snapshot; throws where index and snapshot.json do not agree. */
async function countByPack(
  snapshot: SnapshotJson,
  identities: Identities,
  means: BucketCheck,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map(snapshot.packs.map(({ id }) => [id, 0]));
  let objects = 0;
  let bytes = 0;
  for await (const { pack, size } of indexOf(means, snapshot, identities)) {
    const before = counts.get(pack);
    if (before === undefined)
      throw indexDamaged(snapshot, `names a pack ${pack} that snapshot.json does not`);
    counts.set(pack, before + 1);
    objects += 1;
    bytes += size;
  }
  if (objects !== snapshot.totals.objects || bytes !== snapshot.totals.rawBytes) {
    throw indexDamaged(snapshot, `lists ${objects} objects of ${bytes} bytes, snapshot.json says otherwise`);
  }
  return counts;
}

function indexDamaged({ id }: SnapshotJson, why: string): LifeboatError {
  return new LifeboatError("snapshot-damaged", `The index of ${id} ${why}.`);
}

function* groups(
  packs: readonly SharedPack[],
  counts: ReadonlyMap<string, number>,
): Generator<readonly SharedPack[], void, undefined> {
  let group: SharedPack[] = [];
  let held = 0;
  for (const pack of packs) {
    const count = counts.get(pack.id) ?? 0;
    if (group.length > 0 && held + count > heldObjects) {
      yield group;
      group = [];
      held = 0;
    }
    group.push(pack);
    held += count;
  }
  if (group.length > 0) yield group;
}

/** By pack and offset; what says a place that is another's already is compared with nothing, and bad. */
async function entriesOf(
  group: readonly SharedPack[],
  snapshot: SnapshotJson,
  identities: Identities,
  means: BucketCheck,
): Promise<{
  readonly wanted: ReadonlyMap<string, Map<number, StoredObject>>;
  readonly twice: readonly StoredObject[];
}> {
  const wanted = new Map(group.map(({ id }) => [id, new Map<number, StoredObject>()]));
  const twice: StoredObject[] = [];
  for await (const entry of indexOf(means, snapshot, identities)) {
    const pack = wanted.get(entry.pack);
    if (pack?.has(entry.offset) === true) {
      if (twice.length < maxFindings) twice.push(entry);
    } else pack?.set(entry.offset, entry);
  }
  return { wanted, twice };
}

/** Reads a pack to its end, dead objects included, and takes what it finds out of `left`: the rest is missing. */
async function checkPack(
  pack: SharedPack,
  left: Map<number, StoredObject>,
  snapshot: SnapshotJson,
  identities: Identities,
  { store }: BucketCheck,
  rewraps: Rewraps,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  try {
    const zstd = unsealPack(store, snapshot, pack, identities, rewraps);
    for await (const found of walkPack(pack.id, zstd)) {
      const expected = left.get(found.offset);
      if (expected === undefined) continue;
      left.delete(found.offset);
      if (!isSame(expected, found))
        findings.push(objectFinding(expected, "is not in its pack as the index says"));
    }
  } catch (cause) {
    return [damageFinding(cause, { ...pack, name: `pack ${pack.id}` })];
  }
  for (const missing of left.values()) findings.push(objectFinding(missing, "is not in its pack"));
  return findings;
}

function isSame(expected: StoredObject, found: WalkedEntry): boolean {
  return (
    expected.bucket === found.bucket &&
    expected.name === found.name &&
    expected.size === found.size &&
    expected.sha256 === found.sha256 &&
    expected.length === found.length &&
    expected.skip === found.skip
  );
}

/** Every object through the restore's own reading into a file of a throwaway folder, read back and compared. */
export async function checkRestoredBuckets(
  snapshot: SnapshotJson,
  identities: Identities,
  means: BucketCheck,
): Promise<readonly ComponentVerdict[]> {
  const { temporaryFolder, logger } = means;
  await sweepThrowawayFolders(temporaryFolder, logger);
  const folder = join(temporaryFolder, await folderNameOfThisProcess(randomBytes(6).toString("hex")));
  await mkdir(folder, { mode: 0o700 });
  const findings: Finding[] = [];
  let checked = 0;
  try {
    const entries = indexOf(means, snapshot, identities);
    await forEachObject(entries, { ...means, snapshot, identities }, async (readable) => {
      checked += 1;
      const finding = await restoreAndReadBack(readable, folder);
      if (finding !== undefined) findings.push(finding);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return [judge("restored objects", checked, limited(findings))];
}

async function restoreAndReadBack(
  { object, open }: ReadableObject,
  folder: string,
): Promise<Finding | undefined> {
  const path = join(folder, randomBytes(8).toString("hex"));
  try {
    await pipeline(open(), createWriteStream(path, { flags: "wx", mode: 0o600 }));
    const hash = createHash("sha256");
    let size = 0;
    for await (const bytes of createReadStream(path) as AsyncIterable<Buffer>) {
      hash.update(bytes);
      size += bytes.length;
    }
    if (size === object.size && hash.digest("hex") === object.sha256) return undefined;
    return objectFinding(object, "is not the same after it was restored");
  } catch (cause) {
    const error = asLifeboatError(cause);
    if (error.exitCode !== 3) throw cause;
    return objectFinding(object, `could not be restored: ${error.message}`);
  } finally {
    await unlink(path).catch(() => {});
  }
}

function objectFinding({ bucket, name, size, pack, offset }: StoredObject, what: string): Finding {
  const place = `${size} bytes, pack ${pack} at ${offset}`;
  return {
    level: "error",
    code: "object-differs",
    sentence: `The object ${JSON.stringify(`${bucket}/${name}`)} (${place}) ${what}.`,
    publicSentence: `An object (${place}) is not what was backed up.`,
    remedy: "Do not rely on this snapshot for it: verify an older one, and take a new backup now.",
  };
}

function limited(findings: readonly Finding[]): readonly Finding[] {
  if (findings.length <= maxFindings) return findings;
  const sentence = `${findings.length - maxFindings} more objects are bad.`;
  const more: Finding = {
    level: "error",
    code: "object-differs",
    sentence,
    publicSentence: sentence,
    remedy: "Treat the whole snapshot as bad.",
  };
  return [...findings.slice(0, maxFindings), more];
}
