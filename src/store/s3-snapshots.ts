/** The snapshots of a bucket: those whose snapshot.json is there, and what looks like one but must not count. */
import { LifeboatError } from "../errors.ts";
import { isSnapshotId } from "../snapshot/ids.ts";
import { beginningBytes, sizeLimits } from "../snapshot/size-limits.ts";
import { isSourceName, snapshotJsonKey, snapshotPrefix, sourcePrefix } from "../snapshot/keys.ts";
import type { S3Downloads } from "./s3-download.ts";
import { abandonedDrafts, draftMark } from "./s3-draft.ts";
import type { S3Files } from "./s3-files.ts";
import type { S3Listing } from "./s3-listing.ts";
import type { ListedSnapshot, SnapshotListing, StoreFinding } from "./store.ts";

interface Tools {
  readonly downloads: S3Downloads;
  readonly files: S3Files;
  readonly listing: S3Listing;
}

const readsAtOnce = 16;
/** A snapshot.json longer than this is damaged anyway; its beginning is enough to say so. */

export async function listSources({ files, listing }: Tools): Promise<readonly string[]> {
  const sources: string[] = [];
  for (const source of (await listing.folders("snapshots/")).filter(isSourceName)) {
    const ids = (await listing.folders(sourcePrefix(source))).filter(isSnapshotId).reverse();
    for (const id of ids) {
      if (!(await files.exists(snapshotJsonKey(source, id)))) continue;
      sources.push(source);
      break;
    }
  }
  return sources;
}

export async function listSnapshots(source: string, tools: Tools): Promise<SnapshotListing> {
  const ids = (await tools.listing.folders(sourcePrefix(source))).filter(isSnapshotId);
  const snapshots: ListedSnapshot[] = [];
  const findings: StoreFinding[] = [];
  const waiting = [...ids];
  const work = async (): Promise<void> => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      const snapshot = (await readCommitPoint(source, id, tools)) ?? (await lookAgain(source, id, tools));
      if (snapshot === undefined) continue;
      if ("code" in snapshot) findings.push(snapshot);
      else snapshots.push(snapshot);
    }
  };
  await Promise.all(Array.from({ length: readsAtOnce }, work));
  for (const { id } of await abandonedDrafts(tools, source)) findings.push(unfinished(id));
  const byId = (one: { id?: string }, other: { id?: string }): number =>
    (one.id ?? "") < (other.id ?? "") ? -1 : 1;
  return { snapshots: snapshots.sort(byId), findings: findings.sort(byId) };
}

async function readCommitPoint(
  source: string,
  id: string,
  { downloads }: Tools,
): Promise<ListedSnapshot | undefined> {
  try {
    const { bytes, storedAt } = await downloads.open(snapshotJsonKey(source, id), {
      offset: 0,
      length: sizeLimits.snapshotJson + 1,
    });
    const chunks: Uint8Array[] = [];
    for await (const chunk of bytes) chunks.push(chunk);
    const snapshotJson = Buffer.concat(chunks);
    // Its beginning is enough to say that it is damaged.
    const isTooLong = snapshotJson.length > sizeLimits.snapshotJson;
    return {
      id,
      snapshotJson: isTooLong ? snapshotJson.subarray(0, beginningBytes) : snapshotJson,
      storedAt,
    };
  } catch (thrown) {
    if (!(thrown instanceof LifeboatError)) throw thrown;
    if (thrown.code === "store-object-missing") return undefined;
    if (thrown.code !== "store-read-failed") throw thrown;
    throw new LifeboatError("store-list-failed", thrown.message, { cause: thrown });
  }
}

/** Files without a snapshot.json: a draft, one that was committed meanwhile, one being deleted, or damage. */
async function lookAgain(
  source: string,
  id: string,
  tools: Tools,
): Promise<ListedSnapshot | StoreFinding | undefined> {
  // In this order: a commit writes snapshot.json before it removes the mark.
  if (await tools.files.exists(draftMark({ source, id }))) return undefined;
  const snapshot = await readCommitPoint(source, id, tools);
  if (snapshot !== undefined || (await tools.listing.isEmpty(snapshotPrefix(source, id)))) return snapshot;
  return {
    code: "snapshot-json-missing",
    id,
    sentence: `Snapshot ${id} has no snapshot.json: it was damaged, or its deletion was interrupted.`,
    remedy: "If nobody pruned it, find out who removed the file; then delete what is left of the snapshot.",
  };
}

function unfinished(id: string): StoreFinding {
  return {
    code: "unfinished-draft",
    id,
    sentence: `The backup ${id} was interrupted and will never be finished.`,
    remedy: "Nothing to do: the next backup that may delete in this store removes what it left.",
  };
}
