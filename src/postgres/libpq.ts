/** What PostgreSQL's own programs get from us: everything by environment, so that argv shows nothing. */
import { LifeboatError } from "../errors.ts";
import { type Connection, describeServer } from "./connection.ts";
import { refusesOptions, sessionFacts } from "./session-facts.ts";
import { type Direction, harmfulAmong, startupOptions } from "./session-settings.ts";
import { settledEncryption, settledEndpoint } from "./settled.ts";
import { tlsFiles } from "./tls-files.ts";

/** No stray file of this name may decide anything: it cannot exist, and libpq passes over it in silence. */
const none = "/dev/null/none";

/**
 * The only parameters that no environment variable has: a session whose server is silent for hours keeps its place in
 * the routers between, and a peer that is gone is noticed. Without a name the database is PGDATABASE: argv is public.
 */
export const keptAlive = "--dbname=keepalives_idle=30 keepalives_interval=10 keepalives_count=6";

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
    ...optionsOf(connection),
  };
}

/**
 * Throws `startup-options-refused` where PostgreSQL's programs would work under a setting that does harm, and a pooler
 * keeps ours from them.
 */
export function refuseHarmfulSettings(connection: Connection, direction: Direction): void {
  const facts = sessionFacts(connection);
  if (facts === undefined || facts.takesOptions) return;
  const harms = harmfulAmong(facts.differing, direction);
  if (harms.length === 0) return;
  const resets = harms.map((name) => `RESET ${name}`).join(", ");
  throw new LifeboatError(
    "startup-options-refused",
    `The pooler ${describeServer(connection)} keeps back the startup parameter \`options\`, which must undo: ${harms.join(", ")}.`,
    {
      hint: `Use the database's own address, or undo them for this role (ALTER ROLE … ${resets}; the same for a database: ALTER DATABASE).`,
    },
  );
}

/** Last wins: ours, over the URL's. */
function optionsOf(connection: Connection): { readonly PGOPTIONS?: string } {
  const { options } = connection;
  if (refusesOptions(connection)) return options === undefined ? {} : { PGOPTIONS: options };
  const ours = startupOptions(sessionFacts(connection));
  return { PGOPTIONS: options === undefined ? ours : `${options} ${ours}` };
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
