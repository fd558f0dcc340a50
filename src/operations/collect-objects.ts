/** From the inventory to stored objects, in the index's order: carried where unchanged, else fetched into packs. */
import { LifeboatError } from "../errors.ts";
import { newSnapshotId } from "../snapshot/ids.ts";
import { packKey } from "../snapshot/keys.ts";
import type { SharedPack } from "../snapshot/snapshot-json.ts";
import type { StorageContents } from "../snapshot/storage-contents.ts";
import { type Carry, carryObjects } from "../storage/carry.ts";
import type { Bucket, StoredObject } from "../storage/objects.ts";
import { isOfShard } from "../storage/shards.ts";
import { nextPackSize } from "../storage/pack-budget.ts";
import { packWriter } from "../storage/pack-writer.ts";
import type { Lifetime } from "../store/store.ts";
import { slots } from "../system/slots.ts";
import type { Finding } from "../verification/findings.ts";
import { disagreements, ObjectAccount } from "./account-objects.ts";
import type { StorageBackupRequest, StorageSurroundings } from "./storage-backup.ts";
import { CarriedBytes } from "./carried-bytes.ts";
import { fetchObject, type Outcome } from "./fetch-objects.ts";
import { inOrder } from "./in-order.ts";
import { PackLanes } from "./pack-lanes.ts";
import { CarriedPacks } from "./shared-packs.ts";
import { previousIndex, type PreviousIndex } from "./storage-index.ts";
import { type Inventory, takeInventory } from "./storage-inventory.ts";

/** Results that may wait for an older one, each about four kilobytes; twice the objects of a pack, which half of it fills. */
const window = 10_000;
/** All of them are fetched again where one breaks off and takes its pack along. */
const maxObjectsPerPack = 5000;
/** GitHub's longest for public repositories. Packs outlive the snapshots that first use them, for the next ones. */
const packDays = 90;
/** A pack is older than the snapshot that it is written for, and its expiry may be told a day too early. */
const slackDays = 2;
const dayMs = 24 * 3600 * 1000;

export interface CollectRequest extends Pick<
  StorageBackupRequest,
  | "source"
  | "tiers"
  | "recipients"
  | "indexIdentities"
  | "filter"
  | "database"
  | "jobs"
  | "packBytes"
  | "rowsWithoutBytes"
  | "retentionDays"
  | "trust"
> {
  readonly started: Date;
  readonly shard: { readonly number: number; readonly count: number } | undefined;
}

/** Read `entries` to its end, then the rest. Disposing of it before `keep` removes the packs that were written. */
export interface Collection extends AsyncDisposable {
  readonly buckets: readonly Bucket[];
  readonly entries: AsyncIterable<StoredObject>;
  packs(): readonly SharedPack[];
  contents(): Pick<StorageContents, "listing" | "account" | "consistency" | "notCovered">;
  numbers(): CollectionNumbers;
  findings(): readonly Finding[];
  /** The packs now belong to a committed snapshot. */
  keep(): void;
}

export interface CollectionNumbers {
  readonly objects: number;
  readonly rawBytes: number;
  readonly fetchedBytes: number;
  readonly newPacks: number;
  readonly copiedPacks: number;
  /** Objects of the snapshot before that have other bytes now, or are gone; absent where there was none. */
  readonly objectsChanged?: number;
}

export async function collectObjects(
  request: CollectRequest,
  surroundings: StorageSurroundings,
): Promise<Collection> {
  const { api, logger } = surroundings;
  const inventory = await takeInventory({ ...request, api });
  const { previous, findings } = await findPrevious(request, surroundings).catch(async (cause: unknown) => {
    await inventory[Symbol.asyncDispose]();
    throw cause;
  });
  logger.info(
    previous === undefined
      ? `${inventory.buckets.length} buckets, all objects are fetched.`
      : `${inventory.buckets.length} buckets, unchanged objects are carried over from ${previous.snapshot.id}.`,
  );
  const collection = new ObjectCollection(request, surroundings, inventory, previous, findings);
  return await collection.opened().catch(async (cause: unknown) => {
    await collection[Symbol.asyncDispose]();
    throw cause;
  });
}

async function findPrevious(
  { source, indexIdentities, trust }: CollectRequest,
  surroundings: StorageSurroundings,
): Promise<{ readonly previous: PreviousIndex | undefined; readonly findings: readonly Finding[] }> {
  if (indexIdentities !== undefined) return await previousIndex(surroundings, source, indexIdentities, trust);
  const sentence = "Every object was fetched, because no index identity was given.";
  return {
    previous: undefined,
    findings: [
      {
        level: "warning",
        code: "backup-not-incremental",
        sentence,
        publicSentence: sentence,
        remedy:
          "Give an index identity (`lifeboat keygen`): it opens indexes, never an object, and saves the egress.",
      },
    ],
  };
}

class ObjectCollection implements Collection {
  readonly buckets: readonly Bucket[];
  readonly entries: AsyncIterable<StoredObject>;
  readonly #request: CollectRequest;
  readonly #surroundings: StorageSurroundings;
  readonly #inventory: Inventory;
  readonly #previous: PreviousIndex | undefined;
  readonly #findings: readonly Finding[];
  readonly #lanes: PackLanes;
  readonly #used = new Map<string, SharedPack & { liveBytes: number }>();
  readonly #account: ObjectAccount;
  readonly #stop = new AbortController();
  readonly #carriedBytes: CarriedBytes;
  #carriedPacks: CarriedPacks | undefined;
  #objectsChanged = 0;
  #kept = false;

  constructor(
    request: CollectRequest,
    surroundings: StorageSurroundings,
    inventory: Inventory,
    previous: PreviousIndex | undefined,
    findings: readonly Finding[],
  ) {
    this.#request = request;
    this.#surroundings = surroundings;
    this.#inventory = inventory;
    this.#previous = previous;
    this.#findings = findings;
    this.#carriedBytes = new CarriedBytes(surroundings.api);
    this.#account = new ObjectAccount(request.rowsWithoutBytes);
    this.buckets = inventory.buckets;
    const { source, recipients, packBytes } = request;
    this.#lanes = new PackLanes({
      openPack: () => {
        const { store } = surroundings;
        const { maxBytes, maxObjects } = nextPackSize({
          maxBytes: packBytes,
          maxObjects: maxObjectsPerPack,
          filesLeft: store.filesLeft?.bind(store),
        });
        const writer = packWriter({
          recipients,
          maxBytes,
          newId: () => this.#newId(),
          put: (pack, bytes) => store.putStream(packKey(source, pack), bytes, this.#packLifetime()),
        });
        return { writer, maxObjects };
      },
    });
    this.entries = this.#collect();
  }

  async opened(): Promise<this> {
    const { retentionDays, source } = this.#request;
    const { clock, store, logger } = this.#surroundings;
    if (this.#previous === undefined) return this;
    this.#carriedPacks = await CarriedPacks.open({
      store,
      source,
      logger,
      recorded: this.#previous.snapshot.packs,
      neededUntil:
        retentionDays === undefined
          ? undefined
          : // The snapshot's own time begins to run at its commit, hours from now.
            new Date(clock.now().getTime() + (retentionDays + 1) * dayMs),
      packLifetime: this.#packLifetime(),
      newId: () => this.#newId(),
    });
    return this;
  }

  async *#collect(): AsyncGenerator<StoredObject, void, undefined> {
    const { api } = this.#surroundings;
    const { jobs } = this.#request;
    const { isComplete } = this.#inventory;
    const signal = AbortSignal.any([this.#surroundings.signal, this.#stop.signal]);
    const means = {
      api,
      lanes: this.#lanes,
      // An object that was only listed is a question and then a body: on average, so many bodies come at once.
      slots: slots(isComplete ? jobs : 2 * jobs),
      inventoryIsComplete: isComplete,
      signal,
    };
    const settled = inOrder(
      this.#stillThere(carryObjects(this.#inventory.objects, this.#previous?.entries() ?? nothing())),
      async (carry): Promise<Outcome> => {
        signal.throwIfAborted();
        if (carry.kind === "new") return await fetchObject(carry.object, means);
        if (carry.kind === "changed")
          return this.#compared(await fetchObject(carry.object, means), carry.previous);
        const carried = await this.#carry(carry.stored);
        if (carried === undefined) return await fetchObject(carry.stored, means);
        this.#carriedBytes.add(carry.stored);
        return carried;
      },
      { window, stalled: (isStalled) => this.#lanes.stalled(isStalled) },
    );
    for await (const outcome of settled) {
      const entry = this.#count(outcome);
      if (entry !== undefined) yield entry;
    }
    await this.#carriedBytes.ask();
    this.#nameNewPacks();
  }

  /** Counts what is gone; a shard answers only for its own share of the snapshot before. */
  async *#stillThere(
    carries: AsyncIterable<Carry>,
  ): AsyncGenerator<Exclude<Carry, { kind: "gone" }>, void, undefined> {
    const { shard } = this.#request;
    for await (const carry of carries) {
      if (carry.kind !== "gone") yield carry;
      else if (shard === undefined || isOfShard(carry.previous, shard)) this.#objectsChanged += 1;
    }
  }

  /** What a listing calls changed may have the same bytes: only its hash tells. */
  #compared(outcome: Outcome, previous: StoredObject): Outcome {
    if (outcome.kind === "failed") return outcome;
    if (outcome.kind === "vanished" || outcome.entry.sha256 !== previous.sha256) this.#objectsChanged += 1;
    return outcome;
  }

  async #carry(entry: StoredObject): Promise<Outcome | undefined> {
    const pack = await this.#carriedPacks?.resolve(entry.pack);
    if (pack === undefined) return undefined;
    if (!this.#used.has(pack.id)) this.#used.set(pack.id, { ...pack, liveBytes: 0 });
    return { kind: "carried", entry: { ...entry, pack: pack.id } };
  }

  #count(outcome: Outcome): StoredObject | undefined {
    const entry = this.#account.count(outcome);
    const pack = entry === undefined ? undefined : this.#used.get(entry.pack);
    if (entry !== undefined && pack !== undefined) pack.liveBytes += entry.size;
    return entry;
  }

  /** Everything in a new pack is live: objects whose pack was lost are in another one. */
  #nameNewPacks(): void {
    for (const { id, rawBytes, header, payload } of this.#lanes.stored) {
      this.#used.set(id, { id, rawBytes, header, payload, liveBytes: rawBytes });
    }
  }

  packs(): readonly SharedPack[] {
    return [...this.#used.values()].toSorted((one, other) => (one.id < other.id ? -1 : 1));
  }

  contents(): Pick<StorageContents, "listing" | "account" | "consistency" | "notCovered"> {
    const { bytesWithoutRows, isComplete, notCovered } = this.#inventory;
    const { rowsWithoutBytes } = this.#account;
    const consistency = { rowsWithoutBytes, bytesWithoutRows: [...bytesWithoutRows] };
    return {
      listing: this.#inventory.listing(),
      account: this.#account.classes,
      ...(isComplete || rowsWithoutBytes.length > 0 ? { consistency } : {}),
      notCovered: [...notCovered],
    };
  }

  numbers(): CollectionNumbers {
    const { objects, rawBytes, fetchedBytes } = this.#account;
    return {
      objects,
      rawBytes,
      fetchedBytes,
      newPacks: this.#lanes.stored.length,
      copiedPacks: this.#carriedPacks?.copied.length ?? 0,
      ...(this.#previous === undefined ? {} : { objectsChanged: this.#objectsChanged }),
    };
  }

  findings(): readonly Finding[] {
    return [
      ...this.#findings,
      ...(this.#carriedPacks?.findings ?? []),
      ...this.#carriedBytes.findings(),
      ...this.#inventory.findings(),
      ...disagreements(this.#account.rowsWithoutBytes, this.#inventory.bytesWithoutRows),
    ];
  }

  keep(): void {
    this.#kept = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What waits for its turn must not go on behind the back of a backup that has ended.
    this.#stop.abort(new LifeboatError("pack-void", "The backup has ended."));
    await this.#lanes.abandon();
    await this.#inventory[Symbol.asyncDispose]();
    if (this.#kept) return;
    const { store, logger } = this.#surroundings;
    const written = [...this.#lanes.stored.map(({ id }) => id), ...(this.#carriedPacks?.copied ?? [])];
    for (const id of written) {
      // The error that led here matters more, and a pack that nobody uses is swept later.
      await store.delete(packKey(this.#request.source, id)).catch((cause: unknown) => {
        logger.debug(`Pack ${id} could not be removed: ${cause instanceof Error ? cause.message : ""}`);
      });
    }
  }

  #newId(): string {
    return newSnapshotId(this.#surroundings.clock.now());
  }

  #packLifetime(): Lifetime | undefined {
    const { retentionDays, tiers } = this.#request;
    return retentionDays === undefined
      ? undefined
      : { retentionDays: Math.max(packDays, retentionDays + slackDays), tiers };
  }
}

async function* nothing(): AsyncGenerator<StoredObject, void, undefined> {
  // There is no previous snapshot.
}
