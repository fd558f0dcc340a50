/** What there is to back up: buckets and objects, by SQL where a database URL is given, else by the Storage API. */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import type { Connection } from "../postgres/connection.ts";
import type { StorageContents } from "../snapshot/storage-contents.ts";
import { compareObjects, compareUtf8, type Bucket, type InventoryObject } from "../storage/objects.ts";
import type { ObjectFilter } from "../storage/object-filter.ts";
import { isOfShard } from "../storage/shards.ts";
import type { StorageApi } from "../supabase/storage-api.ts";
import { openStorageRows, type StorageRows } from "../supabase/storage-rows.ts";
import type { Finding } from "../verification/findings.ts";
import { requireChosenBuckets } from "./chosen-buckets.ts";

export interface InventoryRequest {
  readonly api: StorageApi;
  readonly database: Connection | undefined;
  readonly filter: ObjectFilter;
  /** When the backup began: what is younger cannot be missed by it. */
  readonly started: Date;
  /** This machine's share of the objects: `number` of `count`, from 1. */
  readonly shard: { readonly number: number; readonly count: number } | undefined;
}

export interface Inventory extends AsyncDisposable {
  /** The chosen ones, in order. */
  readonly buckets: readonly Bucket[];
  readonly notCovered: StorageContents["notCovered"];
  /** In the order of `compareObjects`; to be read once, before the rest is asked. */
  readonly objects: AsyncIterable<InventoryObject>;
  /** Whether version, owner and user metadata come with the inventory. */
  readonly isComplete: boolean;
  listing(): StorageContents["listing"];
  /** Objects that the API shows and whose rows the database does not have. */
  readonly bytesWithoutRows: readonly { readonly bucket: string; readonly name: string }[];
  findings(): readonly Finding[];
}

const holdsObjects = ({ type }: Bucket): boolean => type === undefined || type === "STANDARD";

export async function takeInventory(request: InventoryRequest): Promise<Inventory> {
  const { api, database, filter } = request;
  const offered = await api.buckets();
  const rows = database === undefined ? undefined : await openStorageRows(database);
  try {
    const known = rows === undefined ? offered : await rows.buckets();
    if (rows !== undefined) requireSameProject(offered, known);
    requireChosenBuckets(
      filter,
      known.map(({ id }) => id),
    );
    const special = (await rows?.specialBuckets()) ?? [
      ...known.filter((bucket) => !holdsObjects(bucket)),
      ...(await api.specialBuckets()).filter(({ id }) => !known.some((bucket) => bucket.id === id)),
    ];
    const notCovered = special.map(({ id, type }) => ({ kind: type ?? "", name: id }));
    const buckets = known
      .filter((bucket) => holdsObjects(bucket) && filter.wantsBucket(bucket.id))
      .toSorted((one, other) => compareUtf8(one.id, other.id));
    return new TakenInventory(request, buckets, notCovered, rows);
  } catch (cause) {
    await rows?.[Symbol.asyncDispose]();
    throw cause;
  }
}

class TakenInventory implements Inventory {
  readonly buckets: readonly Bucket[];
  readonly notCovered: StorageContents["notCovered"];
  readonly objects: AsyncIterable<InventoryObject>;
  readonly isComplete: boolean;
  readonly bytesWithoutRows: { bucket: string; name: string }[] = [];
  readonly #request: InventoryRequest;
  readonly #rows: StorageRows | undefined;
  #isWalked = false;
  #isUnchecked = false;
  #unseen: string | undefined;

  constructor(
    request: InventoryRequest,
    buckets: readonly Bucket[],
    notCovered: StorageContents["notCovered"],
    rows: StorageRows | undefined,
  ) {
    this.buckets = buckets;
    this.notCovered = notCovered;
    this.isComplete = rows !== undefined;
    this.#request = request;
    this.#rows = rows;
    this.objects = chosen(this.#all(), request);
  }

  listing(): StorageContents["listing"] {
    if (this.#rows !== undefined) return "sql";
    return this.#isWalked ? "list-walk" : "list-v2";
  }

  findings(): readonly Finding[] {
    const unseen = this.isComplete || this.#unseen === undefined ? [] : [unseenFinding(this.#unseen)];
    const unchecked = this.#isUnchecked ? [uncheckedFinding()] : [];
    return [...notCoveredFindings(this.notCovered.length), ...unseen, ...unchecked];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rows?.[Symbol.asyncDispose]();
  }

  #all(): AsyncIterable<InventoryObject> {
    const listed = this.#listed();
    if (this.#rows === undefined) return listed;
    const ids = this.buckets.map(({ id }) => id);
    return this.#besideListing(this.#rows.objects(ids), listed);
  }

  /** The rows, all of one moment, while the API's own listing is read beside them. */
  async *#besideListing(
    rows: AsyncIterable<InventoryObject>,
    listed: AsyncIterable<InventoryObject>,
  ): AsyncGenerator<InventoryObject, void, undefined> {
    const seen = { inBoth: 0, inOne: 0 };
    for await (const { row, object } of sideBySide(rows, this.#whileReliable(listed))) {
      if (row !== undefined && object !== undefined && row.id === object.id) seen.inBoth += 1;
      else seen.inOne += 1;
      if (row !== undefined) yield row;
      else if (object !== undefined) this.#withoutRow(object);
    }
    if (seen.inBoth === 0 && seen.inOne > 0 && !this.#isUnchecked)
      throw notTogether("none of their objects is the same");
  }

  /** Where rows are there, a listing only checks them: one that cannot be relied on checks nothing. */
  async *#whileReliable(
    listed: AsyncIterable<InventoryObject>,
  ): AsyncGenerator<InventoryObject, void, undefined> {
    try {
      yield* listed;
    } catch (cause) {
      if (asLifeboatError(cause).code !== "storage-list-failed") throw cause;
      this.#isUnchecked = true;
    }
  }

  #withoutRow({ bucket, name, createdAt }: InventoryObject): void {
    if (Date.parse(createdAt ?? "") >= this.#request.started.getTime()) return;
    if (this.#request.filter.wants({ bucket, name })) this.bytesWithoutRows.push({ bucket, name });
  }

  async *#listed(): AsyncGenerator<InventoryObject, void, undefined> {
    for (const { id } of this.buckets) {
      const listing = this.#request.api.list(id);
      yield* listing.objects;
      this.#isWalked ||= listing.how() === "list-walk";
      this.#unseen ??= listing.unseen();
    }
  }
}

async function* chosen(
  objects: AsyncIterable<InventoryObject>,
  { filter, shard }: InventoryRequest,
): AsyncGenerator<InventoryObject, void, undefined> {
  for await (const object of objects) {
    if (filter.wants(object) && (shard === undefined || isOfShard(object, shard))) yield object;
  }
}

/** Two ascending sequences: what is in both together, the rest alone. */
async function* sideBySide(
  rows: AsyncIterable<InventoryObject>,
  listed: AsyncIterable<InventoryObject>,
): AsyncGenerator<{ readonly row?: InventoryObject; readonly object?: InventoryObject }, void, undefined> {
  const listing = listed[Symbol.asyncIterator]();
  try {
    let next = await listing.next();
    for await (const row of rows) {
      for (; next.done !== true && compareObjects(next.value, row) < 0; next = await listing.next()) {
        yield { object: next.value };
      }
      if (next.done === true || compareObjects(next.value, row) !== 0) {
        yield { row };
        continue;
      }
      yield { row, object: next.value };
      next = await listing.next();
    }
    for (; next.done !== true; next = await listing.next()) yield { object: next.value };
  } finally {
    await listing.return?.();
  }
}

/** A database of another project gives rows whose bytes this API does not have: all would pass for vanished. */
function requireSameProject(offered: readonly Bucket[], known: readonly Bucket[]): void {
  const ids = new Set(known.map(({ id }) => id));
  if (offered.length === 0 || known.length === 0 || offered.some(({ id }) => ids.has(id))) return;
  throw notTogether("none of their buckets is the same");
}

function notTogether(why: string): LifeboatError {
  return new LifeboatError(
    "input-invalid",
    `The database and the Storage API do not belong together: ${why}.`,
    {
      hint: "Give database-url and supabase-url of the same project.",
    },
  );
}

function notCoveredFindings(count: number): readonly Finding[] {
  if (count === 0) return [];
  const sentence = `${count} buckets for analytics or vectors are not in the backup: the Storage API does not serve them as objects.`;
  return [
    {
      level: "warning",
      code: "bucket-not-covered",
      sentence,
      publicSentence: sentence,
      remedy: "Export them by their own tools if you need them; the sealed contents name them.",
    },
  ];
}

function unseenFinding(unseen: string): Finding {
  return {
    level: "warning",
    code: "listing-incomplete",
    sentence: unseen,
    publicSentence: unseen,
    remedy: "Give a database URL: rows of storage.objects show every key.",
  };
}

function uncheckedFinding(): Finding {
  const sentence =
    "The Storage API's own listing cannot be relied on here, so the database's rows were not compared with it.";
  return {
    level: "warning",
    code: "listing-unchecked",
    sentence,
    publicSentence: sentence,
    remedy: "Update the server: old ones mix folders whose names differ in nothing but case.",
  };
}
