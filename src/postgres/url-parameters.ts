/** The parameters of a database URL: which ones count, and what may stand in them. Names and words are libpq's. */
import { nearestWord } from "../near-miss.ts";
import type { Refuse } from "./connection-url.ts";

export const sslModes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const;
export type SslMode = (typeof sslModes)[number];

export const sessionKinds = [
  "any",
  "read-write",
  "read-only",
  "primary",
  "standby",
  "prefer-standby",
] as const;
export type SessionKind = (typeof sessionKinds)[number];

const tlsVersions = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"] as const;
export type TlsVersion = (typeof tlsVersions)[number];

/** What the URL says of encryption beside `sslmode` and `sslrootcert`; paths as they stand there. */
export interface TlsWishes {
  readonly certificate?: string;
  readonly key?: string;
  readonly revoked?: string;
  readonly revokedFolder?: string;
  readonly minVersion?: TlsVersion;
  readonly maxVersion?: TlsVersion;
  /** TLS from the first byte, without asking the server first. */
  readonly direct?: true;
  readonly hidesName?: true;
  readonly hidesCertificate?: true;
}

const taken = [
  ..."host port hostaddr dbname user password passfile sslmode ssl sslrootcert sslcert sslkey sslcrl".split(
    " ",
  ),
  ..."sslcrldir ssl_min_protocol_version ssl_max_protocol_version sslnegotiation sslsni sslcertmode".split(
    " ",
  ),
  ..."channel_binding gssencmode target_session_attrs load_balance_hosts connect_timeout".split(" "),
  ..."application_name fallback_application_name options client_encoding".split(" "),
];
/** Of other clients, or about keepalives, which Lifeboat always sends: nothing that we do depends on them. */
const ignored = new Set([
  ..."connection_limit pgbouncer pool_timeout schema sslcompression".split(" "),
  ..."keepalives keepalives_idle keepalives_interval keepalives_count".split(" "),
]);
/** libpq knows them, and we could not keep what they promise. */
const unsupported = new Set([
  ..."gssdelegation gsslib krbsrvname max_protocol_version min_protocol_version".split(" "),
  ..."oauth_ca_file oauth_client_id oauth_client_secret oauth_issuer oauth_scope replication".split(" "),
  ..."require_auth requirepeer requiressl scram_client_key scram_server_key service servicefile".split(" "),
  ..."sslkeylogfile sslpassword tcp_user_timeout".split(" "),
]);

/** One value of a URL's parameter, checked; undefined where it is absent or empty, as for libpq. */
export interface Parameters {
  text(name: string): string | undefined;
  word<const W extends string>(name: string, allowed: readonly W[]): W | undefined;
}

export function readParameters(given: ReadonlyMap<string, string>, refuse: Refuse): Parameters {
  // What follows an unencoded `&` in a password looks like a parameter.
  const mayHoldPassword = given.has("password");
  for (const name of given.keys()) {
    if (unsupported.has(name)) {
      throw refuse(
        `has the parameter "${name}", which libpq knows and Lifeboat does not support`,
        "Remove the parameter from the URL.",
      );
    }
    if (taken.includes(name) || ignored.has(name)) continue;
    const near = nearestWord(name, taken);
    const hint = near === undefined ? "Remove the parameter from the URL." : `Did you mean "${near}"?`;
    throw mayHoldPassword
      ? refuse("has a parameter that Lifeboat does not know, or an unencoded `&` in its password")
      : refuse(`has the parameter "${name}", which Lifeboat does not know`, hint);
  }
  const text = (name: string): string | undefined => {
    const value = given.get(name);
    return value === "" ? undefined : value;
  };
  return {
    text,
    word: (name, allowed) => {
      const value = text(name);
      const word = allowed.find((one) => one === value);
      if (value === undefined || word !== undefined) return word;
      const why = mayHoldPassword ? `has a ${name} that does not exist` : `has ${name}=${value}`;
      throw refuse(why, `Allowed are ${allowed.join(", ")}.`);
    },
  };
}

export function readTlsWishes(read: Parameters): TlsWishes | undefined {
  const certificate = read.text("sslcert");
  const key = read.text("sslkey");
  const revoked = read.text("sslcrl");
  const revokedFolder = read.text("sslcrldir");
  const minVersion = read.word("ssl_min_protocol_version", tlsVersions);
  const maxVersion = read.word("ssl_max_protocol_version", tlsVersions);
  const wishes: TlsWishes = {
    ...(certificate === undefined ? {} : { certificate }),
    ...(key === undefined ? {} : { key }),
    ...(revoked === undefined ? {} : { revoked }),
    ...(revokedFolder === undefined ? {} : { revokedFolder }),
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(maxVersion === undefined ? {} : { maxVersion }),
    ...(read.word("sslnegotiation", ["postgres", "direct"]) === "direct" ? { direct: true } : {}),
    ...(read.word("sslsni", ["0", "1"]) === "0" ? { hidesName: true } : {}),
    ...(read.word("sslcertmode", ["disable", "allow"]) === "disable" ? { hidesCertificate: true } : {}),
  };
  return Object.keys(wishes).length === 0 ? undefined : wishes;
}
