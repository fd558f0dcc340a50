/** What became of each object of an inventory: every one ends in exactly one class. */
import { LifeboatError } from "../errors.ts";
import type { StorageContents } from "../snapshot/storage-contents.ts";
import type { InventoryObject, StoredObject } from "../storage/objects.ts";
import type { Finding } from "../verification/findings.ts";
import type { Outcome } from "./fetch-objects.ts";
import type { StorageBackupRequest } from "./storage-backup.ts";

type Name = Pick<InventoryObject, "bucket" | "name">;

/** The names of failed objects are kept to be listed; a backup that fails more often has another problem. */
const maxFailures = 10_000;
/** Where the API refuses so many and gives none, it is no fault of the objects. */
const maxRefused = 20;

export class ObjectAccount {
  readonly classes = {
    stored: 0,
    carried: 0,
    vanished: [] as StorageContents["account"]["vanished"],
    failed: [] as StorageContents["account"]["failed"],
  };
  readonly rowsWithoutBytes: Name[] = [];
  readonly #policy: StorageBackupRequest["rowsWithoutBytes"];
  #rawBytes = 0;
  #fetchedBytes = 0;

  constructor(rowsWithoutBytes: StorageBackupRequest["rowsWithoutBytes"]) {
    this.#policy = rowsWithoutBytes;
  }

  get objects(): number {
    return this.classes.stored + this.classes.carried;
  }

  /** Of all objects that are in the snapshot. */
  get rawBytes(): number {
    return this.#rawBytes;
  }

  get fetchedBytes(): number {
    return this.#fetchedBytes;
  }

  /** The snapshot's entry, where the object is in it. */
  count(outcome: Outcome): StoredObject | undefined {
    if (outcome.kind === "vanished") {
      this.classes.vanished.push(nameOf(outcome.object));
      return undefined;
    }
    if (outcome.kind === "failed") {
      this.#countFailure(nameOf(outcome.object), outcome.error);
      return undefined;
    }
    const { entry, kind } = outcome;
    this.classes[kind] += 1;
    this.#rawBytes += entry.size;
    if (kind === "stored") this.#fetchedBytes += entry.size;
    return entry;
  }

  #countFailure(name: Name, error: LifeboatError): void {
    const { failed } = this.classes;
    if (error.code === "storage-object-unreadable") {
      this.rowsWithoutBytes.push(name);
      if (this.#policy === "report") return;
    }
    if (error.code === "storage-request-refused" && this.objects === 0 && failed.length >= maxRefused)
      throw error;
    failed.push({ ...name, code: error.code, sentence: error.message });
    if (failed.length <= maxFailures) return;
    throw new LifeboatError("storage-read-failed", `More than ${maxFailures} objects could not be read.`, {
      cause: error,
    });
  }
}

function nameOf({ bucket, name }: InventoryObject): Name {
  return { bucket, name };
}

/** What the database and the Storage API do not agree on. */
export function disagreements(
  rowsWithoutBytes: readonly Name[],
  bytesWithoutRows: readonly Name[],
): readonly Finding[] {
  return [
    ...disagreement("row-without-bytes", rowsWithoutBytes.length, "rows of storage.objects have no bytes"),
    ...disagreement("bytes-without-row", bytesWithoutRows.length, "objects of the Storage API have no row"),
  ];
}

function disagreement(code: string, count: number, what: string): readonly Finding[] {
  if (count === 0) return [];
  const sentence = `${count} ${what}; the sealed contents name them.`;
  const remedy = "Look at them with `lifeboat show` and the identity, then delete or upload them again.";
  return [{ level: "warning", code, sentence, publicSentence: sentence, remedy }];
}
