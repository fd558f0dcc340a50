/** Inputs of everything that talks to Supabase's Storage API. */
import { LifeboatError } from "../errors.ts";
import type { InputReader } from "../runner/input-reader.ts";
import { namedBySource, optionalSecret } from "./policy-secrets.ts";
import type { ChosenSource, SourceOf } from "./policy-source.ts";
import { type ObjectFilter, objectFilter } from "../storage/object-filter.ts";
import { parseStorageConnection, type StorageConnection } from "../supabase/storage-api.ts";

type StorageSource = ChosenSource<SourceOf<"supabase-storage">>;

/** `supabase-url` and `supabase-key` together, or what a policy says instead; undefined where neither is given. */
export function optionalStorageConnection(
  read: InputReader,
  chosen?: StorageSource,
): StorageConnection | undefined {
  const url = projectUrl(read, chosen);
  const key = optionalSecret(read, "supabase-key", namedBySource(chosen, "key", chosen?.source.key), asIs);
  // A variable that is missing was named already.
  if (chosen !== undefined && (url === undefined || key === undefined)) return undefined;
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

function projectUrl(read: InputReader, chosen: StorageSource | undefined): string | undefined {
  const given = read.optional.string("supabase-url");
  if (given !== undefined || chosen === undefined) return given;
  const { url } = chosen.source;
  if (typeof url === "string") return url;
  return optionalSecret(read, "supabase-url", { chosen, field: "url", reference: url }, asIs);
}

const asIs = (text: string): string => text;

export function storageConnection(read: InputReader, chosen?: StorageSource): StorageConnection {
  const connection = optionalStorageConnection(read, chosen);
  if (connection === undefined && chosen === undefined) {
    read.problem(
      "supabase-url",
      "the project is not given.",
      "Give https://<ref>.supabase.co and, as supabase-key, its secret key (sb_secret_…) or service_role key.",
    );
  }
  return connection as StorageConnection;
}

export function chosenObjects(
  read: InputReader,
  ofPolicy: { readonly include?: readonly string[]; readonly exclude?: readonly string[] } = {},
): ObjectFilter {
  const buckets = read.optional.parsed("buckets", linesOf);
  const include = read.optional.parsed("include", linesOf) ?? ofPolicy.include;
  const exclude = read.optional.parsed("exclude", linesOf) ?? ofPolicy.exclude;
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
