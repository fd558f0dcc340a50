/** What PostgreSQL's own programs get from us: everything by environment, so that argv shows nothing. */
import type { Connection } from "./connection.ts";
import { rootCertificatesFile } from "./tls.ts";

/**
 * Session settings that make pg_dump's COPY lines the same on every server (facts: the content hash reads them).
 * pg_dump lifts the time limit by itself, pg_dumpall does not.
 */
const dumpOptions = "-c bytea_output=hex -c lc_monetary=C -c statement_timeout=0";

/** Environment for pg_dump, pg_restore, psql and their like, to reach `connection`. */
export function libpqEnvironment(connection: Connection): Record<string, string> {
  const verifies = connection.sslMode === "verify-ca" || connection.sslMode === "verify-full";
  return {
    PGHOST: connection.host,
    PGPORT: String(connection.port),
    PGUSER: connection.user,
    PGDATABASE: connection.database,
    PGSSLMODE: connection.sslMode,
    ...(verifies ? { PGSSLROOTCERT: rootCertificatesFile(connection) } : {}),
    ...(connection.password === undefined ? {} : { PGPASSWORD: connection.password }),
    // No stray ~/.pgpass or service file may decide where a backup comes from; a path that cannot exist is silent.
    PGPASSFILE: "/dev/null/none",
    PGSERVICEFILE: "/dev/null/none",
    PGAPPNAME: "lifeboat",
    PGCLIENTENCODING: "UTF8",
    PGCONNECT_TIMEOUT: "30",
    PGTZ: "UTC",
    PGOPTIONS: dumpOptions,
  };
}
