/** Inputs of everything that talks to Supabase's Storage API. */
import { LifeboatError } from "../errors.ts";
import type { InputReader } from "../runner/input-reader.ts";
import { type ObjectFilter, objectFilter } from "../storage/object-filter.ts";
import { parseStorageConnection, type StorageConnection } from "../supabase/storage-api.ts";

/** `supabase-url` and `supabase-key` together; undefined where neither is given. */
export function optionalStorageConnection(read: InputReader): StorageConnection | undefined {
  const url = read.optional.string("supabase-url");
  const key = read.optional.secret("supabase-key");
  if (url === undefined && key === undefined) return undefined;
  const missing = url === undefined ? "supabase-url" : "supabase-key";
  if (url === undefined || key === undefined) {
    read.problem(missing, "is missing.", "The project's URL and its key are given together.");
    return undefined;
  }
  try {
    return parseStorageConnection(url, key);
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    read.problem("supabase-url", error.message, error.hint);
    return undefined;
  }
}

export function storageConnection(read: InputReader): StorageConnection {
  const connection = optionalStorageConnection(read);
  if (connection === undefined) {
    read.problem(
      "supabase-url",
      "the project is not given.",
      "Give https://<ref>.supabase.co and, as supabase-key, its secret key (sb_secret_…) or service_role key.",
    );
  }
  return connection as StorageConnection;
}

export function chosenObjects(read: InputReader): ObjectFilter {
  const buckets = read.optional.parsed("buckets", linesOf);
  const include = read.optional.parsed("include", linesOf);
  const exclude = read.optional.parsed("exclude", linesOf);
  try {
    return objectFilter({
      ...(buckets === undefined ? {} : { buckets }),
      ...(include === undefined ? {} : { include }),
      ...(exclude === undefined ? {} : { exclude }),
    });
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    read.problem("include", error.message, error.hint);
    return undefined as never;
  }
}

/** One a line: a comma may be part of a bucket's name and of a key. */
function linesOf(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}
