/**
 * A snapshot being written into a bucket. Its parts stand under their final keys before snapshot.json does, so a mark
 * in `incoming/` says that they belong to a draft: what has no mark is never swept, whatever else is missing.
 */
import { LifeboatError } from "../errors.ts";
import { isSnapshotId } from "../snapshot/ids.ts";
import { isSourceName, snapshotFileKey, snapshotJsonKey, snapshotPrefix } from "../snapshot/keys.ts";
import type { Logger } from "../system/logger.ts";
import { streamOf } from "../system/stream-of.ts";
import { proofOfBytes, sameBytes } from "./proof.ts";
import type { S3Files } from "./s3-files.ts";
import type { S3Listing } from "./s3-listing.ts";
import type { S3Uploads } from "./s3-upload.ts";
import type { SnapshotPlace } from "./store-key.ts";
import type { Draft, DraftIdentity, ListedFile, StoredFile } from "./store.ts";

export interface S3DraftTools {
  readonly files: S3Files;
  readonly listing: S3Listing;
  readonly uploads: S3Uploads;
  readonly logger: Logger;
}

const incoming = "incoming/";
const markEnding = ".json";
const patienceMs = 7 * 24 * 3600 * 1000;

export function draftMark({ source, id }: SnapshotPlace): string {
  return `${incoming}${source}.${id}${markEnding}`;
}

export async function beginS3Draft(identity: DraftIdentity, tools: S3DraftTools): Promise<Draft> {
  const { source, id } = identity;
  const present = (await tools.listing.files(snapshotPrefix(source, id))).map(({ key }) => key);
  // A copy of a snapshot that was interrupted goes on: its parts are those of the same id, and each is proven again.
  const isUnfinished =
    !present.includes(snapshotJsonKey(source, id)) && (await tools.files.exists(draftMark(identity)));
  if (present.length > 0 && !isUnfinished) {
    throw new LifeboatError("store-key-exists", `Snapshot ${id} is already in the store.`);
  }
  const mark = `${JSON.stringify({ formatVersion: 1, source, id })}\n`;
  await tools.files.write(draftMark(identity), streamOf(Buffer.from(mark)));
  return new S3Draft(identity, tools);
}

class S3Draft implements Draft {
  readonly canBeResumed = true;
  readonly #identity: DraftIdentity;
  readonly #tools: S3DraftTools;
  readonly #parts = new Set<string>();
  #commitBegun = false;
  #committed: StoredFile | undefined;

  constructor(identity: DraftIdentity, tools: S3DraftTools) {
    this.#identity = identity;
    this.#tools = tools;
  }

  async put(name: string, bytes: AsyncIterable<Uint8Array>): Promise<StoredFile> {
    const key = snapshotFileKey(this.#identity.source, this.#identity.id, name);
    if (this.#commitBegun) throw new LifeboatError("unexpected", `${key} comes after the commit.`);
    const { files } = this.#tools;
    const { storageClass } = files.keepingFor(this.#identity.lifetime);
    const stored = await files.write(key, bytes, storageClass === undefined ? {} : { storageClass });
    this.#parts.add(key);
    return stored;
  }

  async commit(snapshotJson: Uint8Array): Promise<StoredFile> {
    const { source, id, lifetime } = this.#identity;
    const { files, logger } = this.#tools;
    if (this.#committed !== undefined) {
      if (sameBytes(this.#committed, proofOfBytes(snapshotJson))) return this.#committed;
      throw new LifeboatError("store-key-exists", `Snapshot ${id} was committed with another snapshot.json.`);
    }
    const keeping = files.keepingFor(lifetime);
    const { lock } = keeping;
    // Only now: what a draft that failed has locked could not be removed for years.
    if (lock !== undefined) for (const key of this.#parts) await files.lock(key, lock);
    this.#commitBegun = true;
    this.#committed = await files.write(snapshotJsonKey(source, id), streamOf(snapshotJson), keeping);
    await files.deleteUnlocked(draftMark(this.#identity)).catch(() => {
      logger.debug(`The mark of the finished snapshot ${id} could not be removed.`);
    });
    return this.#committed;
  }

  async abandon(): Promise<void> {
    // The store may have taken a commit whose answer was lost, or take it yet: then the parts must stay.
    if (this.#commitBegun) return;
    await removeDraft(this.#identity, this.#tools).catch(() => {
      this.#tools.logger.debug("What the abandoned backup has stored stays until a later one sweeps it.");
    });
  }
}

async function removeDraft(place: SnapshotPlace, { files, listing, uploads }: S3DraftTools): Promise<void> {
  const prefix = snapshotPrefix(place.source, place.id);
  await uploads.abort(prefix);
  for (const { key } of await listing.files(prefix)) await files.deleteUnlocked(key);
  await files.deleteUnlocked(draftMark(place));
}

/** Drafts that were not touched for seven days and have no snapshot.json: nobody will finish them. */
export async function abandonedDrafts(
  tools: Pick<S3DraftTools, "files" | "listing">,
  source?: string,
): Promise<readonly SnapshotPlace[]> {
  const abandoned: SnapshotPlace[] = [];
  for (const mark of await tools.listing.files(source === undefined ? incoming : `${incoming}${source}.`)) {
    const place = placeOf(mark.key);
    if (place === undefined || !isOld(mark, tools.files.now())) continue;
    const parts = await tools.listing.files(snapshotPrefix(place.source, place.id));
    const isCommitted = parts.some(({ key }) => key === snapshotJsonKey(place.source, place.id));
    if (!isCommitted && parts.every((part) => isOld(part, tools.files.now()))) abandoned.push(place);
  }
  return abandoned;
}

/** Ids of drafts of a source whose marks are young; a mark may outlive its snapshot's commit. */
export async function youngDrafts(
  tools: Pick<S3DraftTools, "files" | "listing">,
  source: string,
): Promise<readonly string[]> {
  const marks = await tools.listing.files(`${incoming}${source}.`);
  return marks.flatMap((mark) => {
    const place = placeOf(mark.key);
    return place?.source === source && !isOld(mark, tools.files.now()) ? [place.id] : [];
  });
}

/** Removes abandoned drafts, as far as the credentials may; a backup does not fail because of an older one. */
export async function sweep(tools: S3DraftTools): Promise<void> {
  try {
    for (const place of await abandonedDrafts(tools)) {
      await removeDraft(place, tools);
      tools.logger.info(`Removed what the interrupted backup ${place.id} had left in the store.`);
    }
  } catch (thrown) {
    if (!(thrown instanceof LifeboatError) || thrown.code === "input-invalid") throw thrown;
    tools.logger.warning(`What an interrupted backup has left in the store stays there: ${thrown.message}`);
  }
}

function isOld({ storedAt }: ListedFile, now: Date): boolean {
  return now.getTime() - storedAt.getTime() > patienceMs;
}

function placeOf(markKey: string): SnapshotPlace | undefined {
  const [source = "", id = "", ...more] = markKey.slice(incoming.length, -markEnding.length).split(".");
  const good = markKey.endsWith(markEnding) && more.length === 0 && isSourceName(source) && isSnapshotId(id);
  return good ? { source, id } : undefined;
}
