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

/**
 * The path of an object below a folder: its tar name. Segments that are too long for a file system end with `%~` and a
 * hash; a bucket that is called like the manifest, with `%`: neither comes out of the encoding.
 * Throws `restore-name-refused` for names that no bucket has: with NUL, or with `.` and `..` between slashes.
 */
export function treePath(object: Named): string {
  refuseHostile(object);
  const path = encodeTarName(object).split("/").map(shortened).join("/");
  return path.startsWith(`${manifestName}/`) ? path.replace("/", "%/") : path;
}

function refuseHostile({ bucket, name }: Named): void {
  const climbs = `${bucket}/${name}`.split("/").some((segment) => segment === "." || segment === "..");
  if (!climbs && !bucket.includes("/") && !`${bucket}${name}`.includes("\0")) return;
  throw refusedName(`${bucket}/${name}`, "has a name that no object can have");
}

/** `what` goes on after the name, which is not said in public. */
export function refusedName(name: string, what: string): LifeboatError {
  return new LifeboatError("restore-name-refused", `${JSON.stringify(name)} ${what}.`, {
    publicSentence: "An object cannot be written to the target folder safely.",
  });
}

function shortened(segment: string): string {
  if (Buffer.byteLength(segment) <= maxSegmentBytes) return segment;
  const hash = createHash("sha256").update(segment).digest("hex").slice(0, 16);
  let start = "";
  for (const part of segment.match(/%..|[^]/gu) ?? []) {
    if (Buffer.byteLength(start + part) > maxSegmentBytes - hash.length - 2) break;
    start += part;
  }
  return `${start}%~${hash}`;
}

/**
 * The objects whose path is also a folder of others (`a` where there is `a/b`), by path, out of all that will be written,
 * in the index's order. They are written as `<path>%`.
 */
export async function pathsTakenByFolders(objects: AsyncIterable<Named>): Promise<ReadonlySet<string>> {
  const taken = new Set<string>();
  /** Objects whose whole key begins the present one's, the shortest first: nobody else can still be a folder. */
  let open: { readonly key: string; readonly path: string }[] = [];
  for await (const object of objects) {
    const key = `${object.bucket}/${object.name}`;
    const path = treePath(object);
    open = open.filter((before) => key.startsWith(before.key));
    for (const before of open) if (path.startsWith(`${before.path}/`)) taken.add(before.path);
    open.push({ key, path });
  }
  return taken;
}
