/** Where a database is and how to get in, read from a `postgresql://` URL once and never written out again. */
import { LifeboatError } from "../errors.ts";

export type SslMode = "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full";

export interface Connection {
  /** A DNS name, an IP address, or a socket's folder beginning with `/`. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly password?: string;
  readonly sslMode: SslMode;
  /** Whether the URL named the mode; a weaker mode that somebody chose is a finding, not an error. */
  readonly sslModeChosen: boolean;
  /** Path of a PEM file, where the URL names one. */
  readonly sslRootCert?: string;
}

const sslModes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const;
/** Parameters that other clients understand and that change nothing for us. */
const ignored = new Set([
  "application_name",
  "channel_binding",
  "connect_timeout",
  "connection_limit",
  "gssencmode",
  "keepalives",
  "keepalives_idle",
  "pgbouncer",
  "pool_timeout",
  "schema",
  "target_session_attrs",
]);

const urlHint =
  "Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE; percent-encode special characters of user, password and " +
  "database (`@` is %40, `/` is %2F, `#` is %23, a space %20).";

/**
 * Reads a connection URL. Throws `input-invalid` whose message names the input (`describe`, e.g. "input
 * `database-url`") and never repeats the URL, which holds a password.
 */
export function parseConnection(text: string, describe: string): Connection {
  const refuse = (why: string, hint = urlHint): LifeboatError =>
    new LifeboatError("input-invalid", `The ${describe} ${why}.`, { hint });
  if (!/^postgres(ql)?:\/\//.test(text)) throw refuse("does not begin with postgresql://");
  let url: URL;
  try {
    // A host-less URL (socket) is legal for libpq but not for URL.
    url = new URL(text.replace(/^([a-z]+:\/\/(?:[^@/?]*@)?)(?=[/?]|$)/, "$1lifeboat-no-host"));
  } catch {
    throw refuse("is not a valid URL");
  }
  const decode = (part: string, what: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      throw refuse(`has a ${what} with a stray percent sign`);
    }
  };
  const parameters = url.searchParams;
  for (const name of parameters.keys()) {
    if (
      !["host", "port", "user", "password", "dbname", "sslmode", "sslrootcert"].includes(name) &&
      !ignored.has(name)
    ) {
      throw refuse(
        `has the parameter "${name}", which Lifeboat does not know`,
        "Remove the parameter from the URL.",
      );
    }
  }
  const urlHost =
    url.hostname === "lifeboat-no-host" ? "" : decode(url.hostname, "host").replace(/^\[(.*)\]$/, "$1");
  const host = parameters.get("host") ?? urlHost;
  const user = parameters.get("user") ?? decode(url.username, "user");
  const database = parameters.get("dbname") ?? decode(url.pathname.slice(1), "database");
  const password = parameters.get("password") ?? decode(url.password, "password");
  const port = Number(parameters.get("port") ?? (url.port || "5432"));
  if (host === "") throw refuse("names no host");
  if (user === "") throw refuse("names no user");
  if (database === "") throw refuse("names no database");
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw refuse("has a port that is not 1 to 65535");
  if ([host, user, database, password].some((part) => part.includes("\0")))
    throw refuse("contains a NUL character");
  const sslModeText = parameters.get("sslmode");
  const sslMode = sslModeText === null ? undefined : sslModes.find((mode) => mode === sslModeText);
  if (sslModeText !== null && sslMode === undefined) {
    throw refuse(`has sslmode=${sslModeText}`, `Allowed are ${sslModes.join(", ")}.`);
  }
  const sslRootCert = parameters.get("sslrootcert");
  return {
    host,
    port,
    user,
    database,
    ...(password === "" ? {} : { password }),
    sslMode: sslMode ?? (isLocal(host) ? "prefer" : "verify-full"),
    sslModeChosen: sslMode !== undefined,
    ...(sslRootCert === null ? {} : { sslRootCert }),
  };
}

/** A socket or loopback address: traffic does not leave the machine. */
export function isLocal(host: string): boolean {
  return host.startsWith("/") || host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

export function withDatabase(connection: Connection, database: string): Connection {
  return { ...connection, database };
}

/** Host and port for people, without user or secrets. */
export function describeServer(connection: Connection): string {
  return `${connection.host}:${connection.port}`;
}
