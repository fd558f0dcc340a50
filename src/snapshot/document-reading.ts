/** A small document as somebody finds it: its contents, or why there are none. Nothing unreadable counts for nothing in silence. */
import type { z } from "zod";
import { selfHashHolds } from "./self-hash.ts";
import { readSignedDocument } from "./signed-document.ts";

/** `too-new`: whole, but written in a later version of its format. */
export type Unreadable = "damaged" | "too-new";

export type DocumentReading<T> =
  | { readonly document: T; readonly fault?: undefined }
  | { readonly document?: undefined; readonly fault: Unreadable };

/** `version` is the name of the field that carries the document's format version, which is 1. */
export function examineDocument<T>(
  bytes: Uint8Array,
  schema: z.ZodType<T>,
  version: string,
): DocumentReading<T> {
  const document = readSignedDocument(bytes, schema);
  if (document !== undefined) return { document };
  return { fault: isOfLaterVersion(bytes, version) ? "too-new" : "damaged" };
}

function isOfLaterVersion(bytes: Uint8Array, field: string): boolean {
  if (!selfHashHolds(bytes)) return false;
  try {
    const document = JSON.parse(Buffer.from(bytes).toString("utf8")) as Readonly<Record<string, unknown>>;
    const version = document[field];
    return typeof version === "number" && version > 1;
  } catch {
    return false;
  }
}
