/** Names of the databases beside the one being replaced, and the marks on them: all that a second run has to go by. */
import { LifeboatError } from "../errors.ts";
import { isSnapshotId } from "../snapshot/ids.ts";

const maxNameBytes = 63;

/** What stands in a COMMENT of a database that a restore is making. */
export interface RestoreMark {
  readonly state: "loading" | "verified";
  /** The target's whole name: the new database's own may be shortened. */
  readonly database: string;
  /** The snapshot that it was made from. */
  readonly snapshot: string;
}

/** `<database>_new_<id>`; a long name part is shortened, the id never. */
export function newDatabaseName(database: string, id: string): string {
  return beside(database, "new", id);
}

/** `<database>_before_<id>` */
export function beforeDatabaseName(database: string, id: string): string {
  return beside(database, "before", id);
}

/** The name part as it stands in the longer of both forms: databases that share it share a lock. */
export function sharedNamePart(database: string): string {
  return shorten(database, maxNameBytes - "_before_".length - idLength);
}

/** Whether `name` is one that `newDatabaseName` gives for this database and some id. */
export function isNewDatabaseName(name: string, database: string): boolean {
  const id = name.slice(-idLength);
  return isSnapshotId(id) && name === newDatabaseName(database, id);
}

const prefix = "lifeboat restore ";

export function writeMark(mark: RestoreMark): string {
  return prefix + JSON.stringify(mark);
}

/** undefined for every comment that is not exactly one of ours. */
export function readMark(comment: string | null): RestoreMark | undefined {
  if (comment?.startsWith(prefix) !== true) return undefined;
  try {
    const mark = JSON.parse(comment.slice(prefix.length)) as Partial<Record<string, unknown>>;
    const { state, database, snapshot } = mark;
    if (state !== "loading" && state !== "verified") return undefined;
    if (typeof database !== "string" || typeof snapshot !== "string") return undefined;
    return { state, database, snapshot };
  } catch {
    return undefined;
  }
}

const idLength = "20261123T031207Z-9f2c51e0a7b4".length;

function beside(database: string, word: "new" | "before", id: string): string {
  if (!isSnapshotId(id)) throw new LifeboatError("unexpected", `"${id}" is not an id.`);
  const suffix = `_${word}_${id}`;
  // The shorter of both limits for both words, so that names of one restore always look alike.
  return sharedNamePart(database) + suffix;
}

/** At most `bytes` of UTF-8, never half a character: PostgreSQL would cut the end silently, and that is the id. */
function shorten(name: string, bytes: number): string {
  let kept = "";
  for (const character of name) {
    if (Buffer.byteLength(kept + character) > bytes) break;
    kept += character;
  }
  return kept;
}
