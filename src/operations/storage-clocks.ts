/** The clocks that a backup of buckets can ask besides the store's: the Storage API's, and its database's. */
import { withClient } from "../postgres/client.ts";
import { serverTime } from "../postgres/inspect-server.ts";
import type { OtherClocks } from "./agree-on-time.ts";
import type { StorageBackupRequest, StorageSurroundings } from "./storage-backup.ts";

export function storageClocks(
  { database }: Pick<StorageBackupRequest, "database">,
  { api }: Pick<StorageSurroundings, "api">,
): OtherClocks {
  return {
    "the Storage API": async () => await api.serverTime(),
    ...(database === undefined
      ? {}
      : { "the database server": async () => await withClient(database, serverTime) }),
  };
}
