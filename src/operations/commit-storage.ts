/** The end of every storage backup: index, contents, a last look at the packs, and the commit. */
import { LifeboatError } from "../errors.ts";
import { sealDocument } from "../seal/seal.ts";
import type { SigningKey } from "../snapshot/signature.ts";
import { type Contents, writeContents } from "../snapshot/contents.ts";
import { newSnapshotId } from "../snapshot/ids.ts";
import { contentsName, indexName, packKey, snapshotJsonKey, snapshotPrefix } from "../snapshot/keys.ts";
import {
  readSnapshotJson,
  type SharedPack,
  type SeenLedger,
  type SnapshotJson,
  type Tier,
  writeSnapshotJson,
} from "../snapshot/snapshot-json.ts";
import type { Identities } from "../seal/identities.ts";
import type { Recipients } from "../seal/recipients.ts";
import type { ObjectFilter } from "../storage/object-filter.ts";
import type { Lifetime, Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import { allOrFirstError } from "../system/concurrency.ts";
import { slots } from "../system/slots.ts";
import { streamOf } from "../system/stream-of.ts";
import type { StorageAccount, StorageSurroundings } from "./storage-backup.ts";
import type { AgreedTime } from "./agree-on-time.ts";
import type { Collection } from "./collect-objects.ts";
import type { History } from "./history.ts";
import { provePacksUsable, surveyPacks } from "./shared-packs.ts";
import { indexRecipients, storeIndex } from "./storage-index.ts";

export interface StorageCommit {
  readonly source: string;
  readonly tiers: readonly Tier[];
  readonly recipients: Recipients;
  readonly indexIdentities: Identities | undefined;
  readonly signingKey: SigningKey | undefined;
  readonly filter: ObjectFilter;
  readonly started: Date;
  /** What each clock said. */
  readonly clocks?: SnapshotJson["clocks"];
  /** Asked once more when all is collected: a clock may have been set meanwhile. */
  readonly readClocks?: () => Promise<AgreedTime>;
  readonly history: Pick<History, "heads" | "seen">;
  readonly retentionDays?: number;
  /** The ledger's end, which the snapshot remembers. */
  readonly seenLedger?: SeenLedger | undefined;
}

export async function commitStorageSnapshot(
  request: StorageCommit,
  collection: Collection,
  { clock, lifeboatVersion, store }: Pick<StorageSurroundings, "clock" | "lifeboatVersion" | "store">,
): Promise<{
  readonly snapshot: SnapshotJson;
  readonly account: StorageAccount;
  readonly end: AgreedTime | undefined;
}> {
  const { source, recipients, started } = request;
  const id = newSnapshotId(started);
  const { retentionDays, tiers } = request;
  const lifetime = retentionDays === undefined ? {} : { lifetime: { retentionDays, tiers } };
  const draft = await store.begin({ source, id, ...lifetime });
  try {
    const { rawBytes, ...extents } = await storeIndex(
      draft,
      { source, id },
      collection.entries,
      await indexRecipients(request),
    );
    const packs = collection.packs();
    const numbers = collection.numbers();
    const inside = collection.contents();
    const index = { name: indexName, role: "index" as const, ...extents, rawBytes };
    const contents: Contents = {
      formatVersion: 1,
      id,
      source,
      files: [index],
      storage: {
        buckets: collection.buckets.map((bucket) => ({ ...bucket })),
        selection: { ...request.filter.choice },
        ...inside,
      },
    };
    const sealed = await sealDocument(writeContents(contents), recipients);
    const end = await request.readClocks?.();
    await draft.put(contentsName, streamOf(sealed.bytes));
    const bytes = writeSnapshotJson(
      {
        id,
        source,
        kind: "storage",
        state: inside.account.failed.length === 0 ? "whole" : "incomplete",
        tiers: [...request.tiers],
        times: {
          started: started.toISOString(),
          snapshot: started.toISOString(),
          finished: (end?.now ?? clock.now()).toISOString(),
        },
        ...(request.clocks === undefined ? {} : { clocks: request.clocks }),
        versions: { lifeboat: lifeboatVersion },
        recipients: [...recipients.fingerprints],
        totals: {
          tables: 0,
          rows: 0,
          objects: numbers.objects,
          rawBytes: numbers.rawBytes,
          sealedBytes: sealedBytes([extents, sealed.extents, ...packs]),
          ...(numbers.objectsChanged === undefined ? {} : { objectsChanged: numbers.objectsChanged }),
        },
        packs: [...packs],
        heads: [...request.history.heads],
        seen: [...request.history.seen],
        ...(request.seenLedger === undefined ? {} : { ledger: request.seenLedger }),
        files: [
          { name: indexName, ...extents },
          { name: contentsName, ...sealed.extents },
        ],
      },
      request.signingKey,
    );
    await provePacksUsable(
      store,
      source,
      packs.map((pack) => pack.id),
    );
    if (retentionDays !== undefined) await lockPacks(store, source, packs, { retentionDays, tiers, clock });
    // From here on the packs may belong to a visible snapshot, even if the commit's answer gets lost.
    collection.keep();
    await draft.commit(bytes);
    await retractUnlessWhole(store, { source, id }, packs);
    const { stored, carried, vanished, failed } = inside.account;
    const { fetchedBytes, newPacks, copiedPacks } = numbers;
    return {
      snapshot: readSnapshotJson(bytes, { source, id }),
      end,
      account: {
        stored,
        carried,
        vanished: vanished.length,
        failed: failed.length,
        fetchedBytes,
        newPacks,
        copiedPacks,
      },
    };
  } catch (cause) {
    await draft.abandon();
    throw cause;
  }
}

/** Packs of earlier snapshots are locked as long as this one needs them; before the commit, so that none is visible half. */
async function lockPacks(
  store: Store,
  source: string,
  packs: readonly SharedPack[],
  { retentionDays, tiers, clock }: Lifetime & { readonly clock: Clock },
): Promise<void> {
  if (store.extendLock === undefined) return;
  // The snapshot's own time begins to run at its commit, which comes a little later.
  const until = new Date(clock.now().getTime() + (retentionDays + 1) * 86_400_000);
  const turns = slots(8);
  await allOrFirstError(
    packs.map(({ id }) => turns.run(async () => await store.extendLock?.(packKey(source, id), until, tiers))),
  );
}

/**
 * A run that slept for days between its look at the packs and its commit (a suspended machine) may have been too late
 * for both: a sweep that did not see its snapshot has deleted what it needs.
 */
async function retractUnlessWhole(
  store: StorageSurroundings["store"],
  { source, id }: { readonly source: string; readonly id: string },
  packs: readonly SharedPack[],
): Promise<void> {
  const { packs: present } = await surveyPacks(store, source);
  const gone = packs.filter((pack) => !present.has(pack.id));
  if (gone.length === 0) return;
  const files = await store.files(snapshotPrefix(source, id));
  await store.delete(snapshotJsonKey(source, id));
  for (const { key } of files) await store.delete(key);
  throw new LifeboatError(
    "pack-not-usable",
    `Of the ${packs.length} packs of snapshot ${id}, ${gone.length} were deleted while it was committed; it was removed again.`,
  );
}

function sealedBytes(
  files: readonly {
    readonly header: { readonly length: number };
    readonly payload: { readonly length: number };
  }[],
): number {
  return files.reduce((sum, { header, payload }) => sum + header.length + payload.length, 0);
}
