/** What a project holds, and what a snapshot gives back: two maps that must be equal. */
import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { SnapshotChoice } from "../../../src/operations/locate-snapshot.ts";
import type { Store } from "../../../src/store/store.ts";
import type { StorageServer } from "../../fakes/storage/index.ts";
import type { BucketSafe } from "./safe.ts";

export interface HeldObject {
  readonly sha256: string;
  readonly contentType: unknown;
  readonly cacheControl: unknown;
  readonly userMetadata: unknown;
}

/** By `<bucket>/<key>`. */
export type Moment = ReadonlyMap<string, HeldObject>;

/** The stand-in's own rows and bytes, by none of our code. */
export async function momentOf({ rows, blobs }: StorageServer): Promise<Moment> {
  const moment = new Map<string, HeldObject>();
  for (const { id } of await rows.buckets()) {
    for (const { name, version, metadata, user_metadata } of await rows.page(id, "", undefined, 1_000_000)) {
      const blob = blobs.get(version ?? "");
      if (blob === undefined) continue;
      const hash = createHash("sha256");
      for await (const bytes of blob.read(0, blob.size)) hash.update(bytes);
      moment.set(`${id}/${name}`, {
        sha256: hash.digest("hex"),
        contentType: metadata?.["mimetype"],
        cacheControl: metadata?.["cacheControl"],
        userMetadata: user_metadata ?? {},
      });
    }
  }
  return sorted(moment);
}

/** A snapshot restored into a new folder: its files' bytes, and what the manifest says of them. */
export async function restoredMoment(
  safe: BucketSafe,
  choice: SnapshotChoice = { kind: "latest" },
  store: Store = safe.store,
): Promise<Moment> {
  const path = join(safe.folder, `restored-${randomBytes(4).toString("hex")}`);
  await safe.restore({ choice, target: { kind: "directory", path, replace: false } }, { store });
  const moment = new Map<string, HeldObject>();
  const lines = (await readFile(join(path, "manifest.jsonl"), "utf8")).split("\n").filter(Boolean);
  for (const line of lines) {
    const entry = JSON.parse(line) as Record<string, unknown> & {
      bucket: string;
      name: string;
      path: string;
    };
    const bytes = await readFile(join(path, entry.path));
    moment.set(`${entry.bucket}/${entry.name}`, {
      sha256: createHash("sha256").update(bytes).digest("hex"),
      contentType: entry["contentType"],
      cacheControl: entry["cacheControl"],
      userMetadata: entry["userMetadata"] ?? {},
    });
  }
  const files = (await readdir(path, { recursive: true, withFileTypes: true })).filter((one) => one.isFile());
  if (files.length !== moment.size + 1) throw new Error("There are files that the manifest does not name.");
  return sorted(moment);
}

function sorted(moment: Map<string, HeldObject>): Moment {
  return new Map([...moment].toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

/** Keys of what a store holds of a kind: `packs/`, `snapshots/`, `shards/`. */
export async function keysOf(
  store: Store,
  kind: "packs" | "snapshots",
  source = "storage",
): Promise<string[]> {
  if (kind === "snapshots") return (await store.snapshots(source)).snapshots.map(({ id }) => id);
  return (await store.files(`packs/${source}/`)).map(({ key }) => key);
}
