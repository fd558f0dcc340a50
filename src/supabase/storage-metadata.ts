/** What the Storage API and its tables tell about an object, in our words. */
import { z } from "zod";
import type { InventoryObject } from "../storage/objects.ts";

/** metadata of storage.objects. Numbers may be strings in rows that old servers wrote. */
export const metadataSchema = z.record(z.string(), z.unknown()).nullable();

type Known = Pick<InventoryObject, "size" | "etag" | "contentType" | "cacheControl" | "xRobotsTag">;

export function fromMetadata(metadata: z.infer<typeof metadataSchema> | undefined): Known {
  const size = sizeOf(metadata?.["size"]) ?? sizeOf(metadata?.["contentLength"]);
  return {
    ...(size === undefined ? {} : { size }),
    ...text("etag", metadata?.["eTag"]),
    ...text("contentType", metadata?.["mimetype"]),
    ...text("cacheControl", metadata?.["cacheControl"]),
    ...text("xRobotsTag", metadata?.["xRobotsTag"]),
  };
}

export function sizeOf(value: unknown): number | undefined {
  const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

/** The property where the value is a text, and nothing where it is not. */
export function text<K extends string>(name: K, value: unknown): Partial<Record<K, string>> {
  return typeof value === "string" ? ({ [name]: value } as Record<K, string>) : {};
}
