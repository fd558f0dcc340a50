/** The rows of storage.buckets and storage.objects, in memory. `rows-postgres.ts` keeps the same in a real database. */
import { randomUUID } from "node:crypto";
import { compareUtf8 } from "../../../src/storage/objects.ts";

export interface BucketRow {
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  readonly public: boolean;
  readonly created_at: string;
  readonly updated_at: string;
  readonly file_size_limit: number | null;
  readonly allowed_mime_types: readonly string[] | null;
  readonly type: string;
}

export interface ObjectRow {
  readonly id: string;
  readonly name: string;
  readonly version: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly user_metadata: Readonly<Record<string, unknown>> | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly last_accessed_at: string;
}

export interface NewObject {
  readonly name: string;
  readonly version: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly userMetadata: Readonly<Record<string, unknown>> | null;
}

/** Memory answers at once, a database later. */
type Eventually<T> = T | Promise<T>;

export interface Rows {
  buckets(): Eventually<readonly BucketRow[]>;
  bucket(id: string): Eventually<BucketRow | undefined>;
  /** False where there is one already. */
  addBucket(row: Omit<BucketRow, "created_at" | "updated_at" | "owner">): Eventually<boolean>;
  changeBucket(
    id: string,
    change: Partial<Pick<BucketRow, "public" | "file_size_limit" | "allowed_mime_types">>,
  ): Eventually<void>;
  removeBucket(id: string): Eventually<void>;
  object(bucket: string, name: string): Eventually<ObjectRow | undefined>;
  /** In the order of COLLATE "C", names that begin with `prefix`, after `after`. */
  page(
    bucket: string,
    prefix: string,
    after: string | undefined,
    limit: number,
  ): Eventually<readonly ObjectRow[]>;
  /** Names that begin with `prefix` when case is ignored, in the order of lower(name) COLLATE "C". */
  ignoringCase(bucket: string, prefix: string): Eventually<readonly ObjectRow[]>;
  /** Keeps id, creation, owner and last access of a row that is there. */
  upsert(bucket: string, object: NewObject): Eventually<ObjectRow>;
  remove(bucket: string, names: readonly string[]): Eventually<readonly ObjectRow[]>;
  close(): Eventually<void>;
}

interface Shelf {
  readonly objects: Map<string, ObjectRow>;
  /** Sorted names; undefined after a change. */
  sorted: string[] | undefined;
}

export function memoryRows(now: () => Date): Rows {
  const buckets = new Map<string, BucketRow>();
  const shelves = new Map<string, Shelf>();
  const shelf = (bucket: string): Shelf => {
    let found = shelves.get(bucket);
    if (found === undefined) shelves.set(bucket, (found = { objects: new Map(), sorted: undefined }));
    return found;
  };
  const sorted = (bucket: string): string[] => {
    const one = shelf(bucket);
    return (one.sorted ??= [...one.objects.keys()].sort(compareNames));
  };
  return {
    buckets: () => [...buckets.values()].sort((one, other) => compareUtf8(one.id, other.id)),
    bucket: (id) => buckets.get(id),
    addBucket: (row) => {
      if (buckets.has(row.id)) return false;
      const time = now().toISOString();
      buckets.set(row.id, { ...row, owner: "", created_at: time, updated_at: time });
      return true;
    },
    changeBucket: (id, change) => {
      const row = buckets.get(id);
      if (row !== undefined) buckets.set(id, { ...row, ...change, updated_at: now().toISOString() });
    },
    removeBucket: (id) => {
      buckets.delete(id);
      shelves.delete(id);
    },
    object: (bucket, name) => shelf(bucket).objects.get(name),
    page: (bucket, prefix, after, limit) => {
      const names = sorted(bucket);
      const from = after === undefined || compareNames(after, prefix) < 0 ? prefix : after;
      const found: ObjectRow[] = [];
      for (let at = firstNotBelow(names, from); at < names.length && found.length < limit; at += 1) {
        const name = names[at]!;
        if (!name.startsWith(prefix)) break;
        if (name !== after) found.push(shelf(bucket).objects.get(name)!);
      }
      return found;
    },
    ignoringCase: (bucket, prefix) => {
      const wanted = prefix.toLowerCase();
      const hits = sorted(bucket).filter((name) => name.toLowerCase().startsWith(wanted));
      hits.sort((one, other) => compareNames(one.toLowerCase(), other.toLowerCase()));
      return hits.map((name) => shelf(bucket).objects.get(name)!);
    },
    upsert: (bucket, { name, version, metadata, userMetadata }) => {
      const one = shelf(bucket);
      const before = one.objects.get(name);
      if (before === undefined) one.sorted = undefined;
      const time = now().toISOString();
      const row = {
        id: before?.id ?? randomUUID(),
        name,
        version,
        metadata,
        user_metadata: userMetadata,
        created_at: before?.created_at ?? time,
        updated_at: time,
        last_accessed_at: before?.last_accessed_at ?? time,
      };
      one.objects.set(name, row);
      return row;
    },
    remove: (bucket, names) => {
      const one = shelf(bucket);
      const gone = names.flatMap((name) => one.objects.get(name) ?? []);
      for (const row of gone) one.objects.delete(row.name);
      if (gone.length > 0) one.sorted = undefined;
      return gone;
    },
    close: () => {},
  };
}

/** As `compareUtf8`, without its cost where JavaScript's own order is the same. */
function compareNames(one: string, other: string): number {
  if (/[\ud800-\uffff]/.test(one) || /[\ud800-\uffff]/.test(other)) return compareUtf8(one, other);
  return one < other ? -1 : one > other ? 1 : 0;
}

function firstNotBelow(names: readonly string[], wanted: string): number {
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareNames(names[middle]!, wanted) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
