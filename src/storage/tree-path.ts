/** Where objects go in a folder: a path for each that stays inside, and a `%` where a name is taken. */
import { createHash } from "node:crypto";
import { LifeboatError } from "../errors.ts";
import type { InventoryObject } from "./objects.ts";
import { encodeTarName } from "./tar-name.ts";

type Named = Pick<InventoryObject, "bucket" | "name">;

/** Lists the objects of a folder under their true names. */
export const manifestName = "manifest.jsonl";

/** What file systems take as a name, less the `%` that may be added. */
const maxSegmentBytes = 254;

/** Longer ones are not tried: with the target's own path they may be more than a file system takes (4,096 bytes). */
const maxPathBytes = 2048;

/**
 * The path of an object below a folder: its tar name, which leads nowhere else whatever the object is called. Segments
 * that are too long for a file system end with `%~` and a hash; paths that are too long are `%~long-` and a hash in the
 * bucket's folder; a bucket that is called like the manifest ends with `%`: none of these comes out of the encoding.
 */
export function treePath(object: Named): string {
  const encoded = encodeTarName(object);
  const [bucket = "", ...segments] = encoded.split("/").map(shortened);
  const folder = bucket === manifestName ? `${bucket}%` : bucket;
  const path = [folder, ...segments].join("/");
  return Buffer.byteLength(path) > maxPathBytes ? plainPath(object) : path;
}

/** A path that every file system takes, as far as it takes the bucket's name. */
export function plainPath(object: Named): string {
  const encoded = encodeTarName(object);
  const bucket = shortened(encoded.slice(0, encoded.indexOf("/")));
  return `${bucket === manifestName ? `${bucket}%` : bucket}/%~long-${hashOf(encoded, 32)}`;
}

/** A path of its own for an object whose `path` a file system takes for another's: `A` where there is `a`. */
export function ownPath(object: Named, path: string): string {
  const at = path.lastIndexOf("/") + 1;
  return path.slice(0, at) + cut(path.slice(at), `%~${hashOf(encodeTarName(object), 16)}`);
}

/** `what` goes on after the name, which is not said in public. */
export function refusedName(name: string, what: string): LifeboatError {
  return new LifeboatError("restore-name-refused", `${JSON.stringify(name)} ${what}.`, {
    publicSentence: "An object cannot be written to the target folder safely.",
  });
}

function shortened(segment: string): string {
  if (Buffer.byteLength(segment) <= maxSegmentBytes) return segment;
  return cut(segment, `%~${hashOf(segment, 16)}`);
}

function cut(segment: string, ending: string): string {
  let start = "";
  for (const part of segment.match(/%..|[^]/gu) ?? []) {
    if (Buffer.byteLength(start + part) > maxSegmentBytes - ending.length) break;
    start += part;
  }
  return start + ending;
}

function hashOf(text: string, digits: number): string {
  return createHash("sha256").update(text).digest("hex").slice(0, digits);
}

/** What a file system makes of a path where it takes several for the same one. */
export type Fold = (path: string) => string;

export interface TakenPaths {
  readonly fold: Fold;
  /** Folded paths of objects that are also folders of others (`a` where there is `a/b`): written as `<path>%`. */
  readonly byFolders: ReadonlySet<string>;
  /** Paths of objects that the file system takes for another's: written to an `ownPath`. */
  readonly byOthers: ReadonlySet<string>;
}

/** Looks at all that will be written, in the index's order. Without `fold` paths are different where they differ. */
export async function takenPaths(objects: AsyncIterable<Named>, fold?: Fold): Promise<TakenPaths> {
  if (fold !== undefined) return await foldedPaths(objects, fold);
  const byFolders = new Set<string>();
  /** Objects whose whole key begins the present one's, the shortest first: nobody else can still be a folder. */
  let open: { readonly key: string; readonly path: string }[] = [];
  for await (const object of objects) {
    const key = `${object.bucket}/${object.name}`;
    const path = treePath(object);
    open = open.filter((before) => key.startsWith(before.key));
    for (const before of open) if (path.startsWith(`${before.path}/`)) byFolders.add(before.path);
    open.push({ key, path });
  }
  return { fold: (path) => path, byFolders, byOthers: new Set() };
}

/** Here the order says nothing, so that every path must be remembered. */
async function foldedPaths(objects: AsyncIterable<Named>, fold: Fold): Promise<TakenPaths> {
  const files = new Set<string>();
  const folders = new Set<string>();
  const byOthers = new Set<string>();
  for await (const object of objects) {
    const path = treePath(object);
    const folded = fold(path);
    if (files.has(folded)) byOthers.add(path);
    files.add(folded);
    for (let at = folded.indexOf("/"); at !== -1; at = folded.indexOf("/", at + 1)) {
      folders.add(folded.slice(0, at));
    }
  }
  return { fold, byFolders: new Set([...files].filter((path) => folders.has(path))), byOthers };
}

/** Of every file system that does not tell upper from lower case, or one way to write an accent from another. */
export function foldAll(path: string): string {
  const segments = path.normalize("NFKD").toUpperCase().toLowerCase().normalize("NFKD").split("/");
  return segments.map((segment) => segment.replace(/[. ]+$/, "")).join("/");
}
