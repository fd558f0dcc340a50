/**
 * A restored database against the backup of its buckets: every row of storage.objects should have its bytes, and every
 * object its row. The two were taken at different moments, which explains some differences and no others.
 */
import { withClient } from "../postgres/client.ts";
import type { Connection } from "../postgres/connection.ts";
import type { Identities } from "../seal/identities.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { ObjectFilter } from "../storage/object-filter.ts";
import { compareObjects, type StoredObject } from "../storage/objects.ts";
import type { Store } from "../store/store.ts";
import { judge } from "../verification/compare-database.ts";
import type { ComponentVerdict, Finding } from "../verification/findings.ts";
import { type ObjectRow, objectRows } from "../postgres/object-rows.ts";
import { indexOf } from "./storage-index.ts";

export interface CrossCheck {
  readonly connection: Connection;
  readonly store: Store;
  readonly zstd: string | undefined;
  readonly identities: Identities;
  readonly database: SnapshotJson;
  readonly buckets: SnapshotJson;
  readonly filter: ObjectFilter | undefined;
}

/** Beyond these a person reads no further. */
const maxNamed = 100;

export async function crossCheck(check: CrossCheck): Promise<ComponentVerdict> {
  const tally = new Tally(check);
  const compared = await withClient(check.connection, async (sql) => {
    const rows = objectRows(sql);
    const objects = indexOf(check, check.buckets, check.identities);
    return await merge(rows, objects, check.filter, tally);
  });
  return judge("objects-and-rows", compared, tally.findings());
}

/** Both come in the same order. */
async function merge(
  rows: AsyncIterator<ObjectRow>,
  objects: AsyncIterator<StoredObject>,
  filter: ObjectFilter | undefined,
  tally: Tally,
): Promise<number> {
  let compared = 0;
  let [row, object] = [await rows.next(), await objects.next()];
  while (row.done !== true || object.done !== true) {
    compared += 1;
    const order = row.done === true ? 1 : object.done === true ? -1 : compareObjects(row.value, object.value);
    if (order < 0 && row.done !== true) {
      if (filter?.wants(row.value) ?? true) tally.rowAlone(row.value);
    } else if (order > 0 && object.done !== true) tally.objectAlone(object.value);
    else if (row.done !== true && object.done !== true) tally.both(row.value, object.value);
    if (order <= 0) row = await rows.next();
    if (order >= 0) object = await objects.next();
  }
  return compared;
}

class Tally {
  readonly #databaseMs: number;
  readonly #bucketsStartedMs: number;
  readonly #bucketsMs: number;
  readonly #bad: Finding[] = [];
  #more = 0;
  readonly #explained = { younger: 0, withoutRow: 0, changed: 0 };

  constructor({ database, buckets }: CrossCheck) {
    this.#databaseMs = Date.parse(database.times.snapshot);
    // Objects are listed and fetched for a while: what changed meanwhile may be in the backup or not.
    this.#bucketsStartedMs = Date.parse(buckets.times.started);
    this.#bucketsMs = Date.parse(buckets.times.snapshot);
  }

  rowAlone(row: ObjectRow): void {
    if (row.changedMs === undefined || row.changedMs >= this.#bucketsStartedMs) this.#explained.younger += 1;
    else
      this.#add(
        "object-bytes-missing",
        row,
        "stands in the database, but not in the older backup of its bucket",
      );
  }

  objectAlone(object: StoredObject): void {
    const changedMs = Date.parse(object.updatedAt ?? object.createdAt ?? "");
    const isYounger = !(changedMs < this.#databaseMs);
    // Deleted after the buckets' backup and before the database's, or not there yet.
    if (isYounger || this.#bucketsMs < this.#databaseMs) this.#explained.withoutRow += 1;
    else
      this.#add(
        "object-row-missing",
        object,
        "is in the buckets' backup, but the database has no row for it",
      );
  }

  both(row: ObjectRow, object: StoredObject): void {
    if (row.size === undefined || row.size === object.size) return;
    const isLater = row.changedMs === undefined || row.changedMs >= this.#bucketsStartedMs;
    if (isLater || !(Date.parse(object.updatedAt ?? "") < this.#databaseMs)) this.#explained.changed += 1;
    else {
      const sizes = `${row.size} bytes by its row and ${object.size} in the buckets' backup`;
      this.#add("object-row-differs", object, `has ${sizes}`);
    }
  }

  #add(
    code: string,
    { bucket, name }: { readonly bucket: string; readonly name: string },
    what: string,
  ): void {
    if (this.#bad.length >= maxNamed) {
      this.#more += 1;
      return;
    }
    this.#bad.push({
      level: "error",
      code,
      sentence: `The object ${JSON.stringify(`${bucket}/${name}`)} ${what}.`,
      publicSentence: `An object ${what}.`,
      remedy:
        "Verify the backups of the buckets and of the database, and see what the application shows of it.",
    });
  }

  findings(): readonly Finding[] {
    const { younger, withoutRow, changed } = this.#explained;
    const told = (count: number, sentence: string): readonly Finding[] =>
      count === 0
        ? []
        : [
            {
              level: "info",
              code: "moments-apart",
              sentence,
              publicSentence: sentence,
              remedy: "Back the buckets up as often as this may be lost.",
            },
          ];
    const more = this.#more === 0 ? [] : [`${this.#more} more objects do not fit.`];
    return [
      ...this.#bad,
      ...more.map((sentence): Finding => ({
        level: "error",
        code: "object-row-differs",
        sentence,
        publicSentence: sentence,
        remedy: "Treat the two backups as not belonging together.",
      })),
      ...told(
        younger,
        `${younger} objects are younger than the buckets' backup: their rows come back, their bytes do not.`,
      ),
      ...told(
        withoutRow,
        `${withoutRow} objects come back without a row: they were added or deleted between the two backups.`,
      ),
      ...told(changed, `${changed} objects were replaced between the two backups.`),
    ];
  }
}
