/**
 * A bucket folder by folder, for servers without list-v2. The old listing ignores the case of a folder's name and
 * pages by offset, so every object is looked up by its exact key, and pages overlap by one entry. A folder's entries
 * are in memory at once.
 */
import type { StorageClient } from "@supabase/storage-js";
import { z } from "zod";
import { asLifeboatError } from "../errors.ts";
import { compareUtf8, type InventoryObject } from "../storage/objects.ts";
import { clientError } from "./storage-buckets.ts";
import { listFailed } from "./storage-failures.ts";
import { objectInfo } from "./storage-info.ts";
import { fromMetadata, metadataSchema, text } from "./storage-metadata.ts";
import { encodeBucket } from "./storage-paths.ts";
import type { StorageTransport } from "./storage-transport.ts";

const entrySchema = z.looseObject({
  name: z.string(),
  id: z.string().nullable(),
  metadata: metadataSchema.optional(),
  last_accessed_at: z.string().nullish(),
});
type Entry = z.infer<typeof entrySchema>;

const pageSize = 1000;
const lookupsAtOnce = 16;
/** A folder whose entries move while it is paged is begun again. */
const restarts = 5;

/** In the order of the keys' bytes. Throws `storage-list-failed` where folders differ in nothing but case. */
export function walkBucket(
  client: StorageClient,
  transport: StorageTransport,
  bucket: string,
  prefix: string,
): AsyncGenerator<InventoryObject, void, undefined> {
  return new Walk(client, transport, bucket, prefix).folder(prefix.slice(0, prefix.lastIndexOf("/") + 1));
}

class Walk {
  readonly #client: StorageClient;
  readonly #transport: StorageTransport;
  readonly #bucket: string;
  readonly #prefix: string;

  constructor(client: StorageClient, transport: StorageTransport, bucket: string, prefix: string) {
    this.#client = client;
    this.#transport = transport;
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  /** `folder` is empty or ends with a slash. */
  async *folder(folder: string): AsyncGenerator<InventoryObject, void, undefined> {
    const entries = (await this.#entries(folder)).filter((entry) => this.#mayMatch(folder + keyOf(entry)));
    entries.sort((one, other) => compareUtf8(keyOf(one), keyOf(other)));
    for (let at = 0; at < entries.length;) {
      const entry = entries[at];
      if (entry?.id === null) {
        yield* this.folder(folder + keyOf(entry));
        at += 1;
        continue;
      }
      const end = entries.findIndex((other, index) => index > at && other.id === null);
      const files = entries.slice(at, Math.min(end < 0 ? entries.length : end, at + lookupsAtOnce));
      for (const object of await Promise.all(files.map((file) => this.#lookUp(folder, file)))) {
        if (object?.name.startsWith(this.#prefix) === true) yield object;
      }
      at += files.length;
    }
  }

  async #lookUp(folder: string, file: Entry): Promise<InventoryObject | undefined> {
    const listed = {
      ...fromMetadata(file.metadata),
      ...text("lastAccessedAt", file.last_accessed_at),
    };
    const name = folder + file.name;
    const info = await objectInfo(this.#transport, this.#bucket, name).catch((thrown: unknown) => {
      if (asLifeboatError(thrown).code === "object-name-unusable") return "refused" as const;
      throw thrown;
    });
    // The server lists it and gives nothing of it: whoever reads it is told so, by name.
    if (info === "refused") return { bucket: this.#bucket, name, id: file.id ?? "", ...listed };
    if (info?.id !== file.id) {
      const again = await this.#entries(folder);
      if (again.some(({ id }) => id === file.id)) {
        throw listFailed(
          "this old server's listing mixes folders whose names differ in nothing but case (give a database URL, or update the server)",
        );
      }
      // Deleted meanwhile, and perhaps made anew.
      return info;
    }
    return { ...listed, ...info };
  }

  async #entries(folder: string): Promise<Entry[]> {
    for (let attempt = 1; attempt <= restarts; attempt += 1) {
      const entries = await this.#pages(folder);
      // Newer servers show keys with empty segments as entries without a name, which cannot be asked for.
      if (entries !== undefined) return entries.filter((entry) => entry.name !== "");
    }
    throw listFailed("a folder's entries moved each time it was read");
  }

  /** undefined: entries came or went before the place we had read to, so that offsets no longer mean the same. */
  async #pages(folder: string): Promise<Entry[] | undefined> {
    const entries: Entry[] = [];
    for (;;) {
      const last = entries.at(-1);
      const page = await this.#page(folder, Math.max(0, entries.length - 1));
      const overlap = last === undefined ? undefined : page.shift();
      if (last !== undefined && (overlap?.name !== last.name || overlap.id !== last.id)) return undefined;
      if (page.length === 0) return entries;
      entries.push(...page);
    }
  }

  async #page(folder: string, offset: number): Promise<Entry[]> {
    const { data, error } = await this.#client.from(encodeBucket(this.#bucket)).list(folder, {
      ...{ limit: pageSize, offset, sortBy: { column: "name", order: "asc" } },
    });
    if (error !== null) {
      throw clientError(
        error,
        `The bucket "${this.#bucket}" could not be listed`,
        "A bucket could not be listed",
      );
    }
    const page = z.array(entrySchema).safeParse(data);
    if (!page.success) throw listFailed("a page is not as expected", page.error);
    return page.data;
  }

  /** Case is ignored here, because the listing gives a folder's name in one of its cases only. */
  #mayMatch(key: string): boolean {
    const [wanted, found] = [this.#prefix.toLowerCase(), key.toLowerCase()];
    return found.startsWith(wanted) || (found.endsWith("/") && wanted.startsWith(found));
  }
}

function keyOf(entry: Entry): string {
  return entry.id === null ? `${entry.name}/` : entry.name;
}
