/** What PostgreSQL's own programs get from us: everything by environment, so that argv shows nothing. */
import type { Connection } from "./connection.ts";
import { settledEncryption, settledEndpoint } from "./settled.ts";
import { tlsFiles } from "./tls-files.ts";

/**
 * Session settings that make pg_dump's COPY lines the same on every server (facts: the content hash reads them).
 * pg_dump lifts the time limit by itself, pg_dumpall does not.
 */
const dumpOptions = "-c bytea_output=hex -c lc_monetary=C -c statement_timeout=0";

/** No stray file of this name may decide anything: it cannot exist, and libpq passes over it in silence. */
const none = "/dev/null/none";

/** Environment for pg_dump, pg_restore, psql and their like, to reach `connection`. */
export function libpqEnvironment(connection: Connection): Record<string, string> {
  const { host, port, address } = settledEndpoint(connection) ?? connection;
  const timeout = connection.connectTimeoutSeconds ?? 30;
  return {
    PGHOST: host,
    ...(address === undefined ? {} : { PGHOSTADDR: address }),
    PGPORT: String(port),
    PGUSER: connection.user,
    PGDATABASE: connection.database,
    ...tlsEnvironment(connection, host),
    ...(connection.channelBinding === undefined ? {} : { PGCHANNELBINDING: connection.channelBinding }),
    // Our own sessions have none, and both must be encrypted alike.
    PGGSSENCMODE: "disable",
    ...(connection.password === undefined ? {} : { PGPASSWORD: connection.password }),
    // No stray ~/.pgpass or service file may decide where a backup comes from.
    PGPASSFILE: connection.passFile ?? none,
    PGSERVICEFILE: none,
    PGAPPNAME: connection.applicationName ?? "lifeboat",
    PGCLIENTENCODING: "UTF8",
    PGCONNECT_TIMEOUT: String(timeout),
    PGTZ: "UTC",
    PGOPTIONS: connection.options === undefined ? dumpOptions : `${connection.options} ${dumpOptions}`,
  };
}

function tlsEnvironment(connection: Connection, host: string): Record<string, string> {
  if (connection.sslMode === "disable" || host.startsWith("/")) return { PGSSLMODE: "disable" };
  const { root, revoked, revokedFolder, own } = tlsFiles(connection);
  const { tls = {} } = connection;
  return {
    PGSSLMODE: settledMode(connection),
    PGSSLROOTCERT: root ?? none,
    PGSSLCRL: revoked ?? none,
    ...(revokedFolder === undefined ? {} : { PGSSLCRLDIR: revokedFolder }),
    PGSSLCERT: own?.certificate ?? none,
    PGSSLKEY: own?.key ?? none,
    PGSSLMINPROTOCOLVERSION: tls.minVersion ?? "TLSv1.2",
    ...(tls.maxVersion === undefined ? {} : { PGSSLMAXPROTOCOLVERSION: tls.maxVersion }),
    ...(tls.direct === true ? { PGSSLNEGOTIATION: "direct" } : {}),
    ...(tls.hidesName === true ? { PGSSLSNI: "0" } : {}),
  };
}

/** `allow` and `prefer` leave a choice, which our own session has made. */
function settledMode(connection: Connection): string {
  const { sslMode } = connection;
  const encrypted = settledEncryption(connection);
  if (encrypted === undefined || (sslMode !== "allow" && sslMode !== "prefer")) return sslMode;
  return encrypted ? "require" : "disable";
}
