/** The Supabase project that an operation talks to. */
import { LifeboatError } from "../errors.ts";
import type { BucketTarget } from "../operations/restore-buckets.ts";
import { ManagementApi } from "../supabase/management-api.ts";
import { managementApiUrl } from "../supabase/management-connection.ts";
import { storageApi, type StorageApi, type StorageConnection } from "../supabase/storage-api.ts";
import { AdaptiveLimit } from "../system/adaptive-limit.ts";
import { abortedLater } from "../system/concurrency.ts";
import type { ProjectInputs } from "./project-settings-inputs.ts";
import type { BucketTargetInputs } from "./restore/inputs.ts";
import type { Surroundings } from "./surroundings.ts";

/** A request that changes something is worth a moment's wait: without its answer nobody knows what it did. */
const lastAnswersMs = 2500;

/** The surroundings of an operation on buckets. */
export function withStorageApi<T extends Pick<Surroundings, "logger" | "signal">>(
  surroundings: T,
  connection: StorageConnection | undefined,
  requestsAtOnce: number,
): T & { readonly api: StorageApi } {
  if (connection === undefined) throw new LifeboatError("unexpected", "No project is given.");
  const { logger, signal } = surroundings;
  return {
    ...surroundings,
    api: storageApi(connection, { logger, signal, limiter: new AdaptiveLimit(requestsAtOnce) }),
  };
}

/**
 * For a backup of so many objects at once: where the inventory is a listing, each is two requests, for its row and then
 * for its bytes, and those that ask would otherwise stand in the way of those that fetch.
 */
export function withBackedUpApi<T extends Pick<Surroundings, "logger" | "signal">>(
  surroundings: T,
  connection: StorageConnection | undefined,
  { jobs, database }: { readonly jobs: number; readonly database: unknown },
): T & { readonly api: StorageApi } {
  return withStorageApi(surroundings, connection, database === undefined ? 2 * jobs : jobs);
}

/** Where objects are restored to; a project is confirmed by its ref, or by its host if it is not one of Supabase's. */
export function bucketTarget(
  target: BucketTargetInputs,
  jobs: number,
  surroundings: Pick<Surroundings, "logger" | "signal">,
): BucketTarget {
  if (target.kind === "directory") return target;
  const patient = { ...surroundings, signal: abortedLater(surroundings.signal, lastAnswersMs) };
  const { api } = withStorageApi(patient, target.connection, jobs);
  const { host } = new URL(target.connection.url);
  const [, ref] = /^([a-z0-9]+)\.supabase\.(?:co|in|red)$/.exec(host) ?? [];
  return { ...target, api, name: ref ?? host };
}

/** What asks for a project's settings, and writes them; `chosenUrl` is SUPABASE_API_URL. */
export function managementApi(
  { project, token }: ProjectInputs,
  chosenUrl: string | undefined,
  { logger, signal }: Pick<Surroundings, "logger" | "signal">,
): ManagementApi {
  return new ManagementApi(
    { apiUrl: managementApiUrl(chosenUrl), project, token },
    { logger, signal: abortedLater(signal, lastAnswersMs) },
  );
}
