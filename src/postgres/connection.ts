/** Where a database is and how to get in, read from a `postgresql://` URL once and never written out again. */
import { isIP } from "node:net";
import { LifeboatError } from "../errors.ts";
import { encodingCure } from "./connection-mistakes.ts";
import { type Refuse, splitUrl, type UrlParts } from "./connection-url.ts";
import {
  type Parameters,
  readParameters,
  readTlsWishes,
  type SessionKind,
  sessionKinds,
  type SslMode,
  sslModes,
  type TlsWishes,
} from "./url-parameters.ts";

export type { SslMode } from "./url-parameters.ts";

/** One of the places that a URL names. */
export interface Endpoint {
  /** A DNS name, an IP address, or a socket's folder beginning with `/`. */
  readonly host: string;
  readonly port: number;
  /** Where to connect instead of asking for the host's address. */
  readonly address?: string;
}

export interface Connection extends Endpoint {
  readonly user: string;
  readonly database: string;
  readonly password?: string;
  readonly sslMode: SslMode;
  /** Whether the URL named the mode; a weaker mode that somebody chose is a finding, not an error. */
  readonly sslModeChosen: boolean;
  /** Path of a PEM file, where the URL names one, or `system`. */
  readonly sslRootCert?: string;
  /** All places of the URL, the first of which is this one; shared by every copy made for another database. */
  readonly endpoints?: readonly Endpoint[];
  readonly sessionKind?: SessionKind;
  readonly shufflesHosts?: true;
  readonly tls?: TlsWishes;
  /** Absent: bound where the server can. */
  readonly channelBinding?: "disable" | "require";
  /** 0 waits without limit. */
  readonly connectTimeoutSeconds?: number;
  readonly applicationName?: string;
  readonly options?: string;
  readonly passFile?: string;
  /** When silence becomes suspicious; no URL says so. Default: a quarter of an hour. */
  readonly stallLimits?: StallLimits;
}

export interface StallLimits {
  /** How long nothing may come before the server is asked. */
  readonly quietMs: number;
  /** How long it must stand still then. */
  readonly confirmMs: number;
  /** How long the server has for its answer. */
  readonly answerMs: number;
}

/**
 * Reads a connection URL. Throws `input-invalid` whose message names the input (`describe`, e.g. "input
 * `database-url`") and never repeats what may be secret.
 */
export function parseConnection(text: string, describe: string): Connection {
  const refuse: Refuse = (why, hint = encodingCure) =>
    new LifeboatError("input-invalid", `The ${describe} ${why}.`, { hint });
  const parts = splitUrl(text.trim(), refuse);
  const read = readParameters(parts.parameters, refuse);
  const endpoints = readEndpoints(parts, read, refuse);
  const user = read.text("user") ?? parts.user;
  const database = read.text("dbname") ?? parts.database;
  const password = read.text("password") ?? parts.password;
  const [first] = endpoints;
  if (first === undefined || endpoints.some(({ host }) => host === "")) throw refuse("names no host");
  if (user === "") throw refuse("names no user");
  if (database === "") throw refuse("names no database");
  const sslRootCert = read.text("sslrootcert");
  const tls = readTlsWishes(read);
  const mode = readMode(endpoints, read, { system: sslRootCert === "system", tls }, refuse);
  const session = read.word("target_session_attrs", sessionKinds);
  const binding = read.word("channel_binding", ["disable", "prefer", "require"]);
  const applicationName = read.text("application_name") ?? read.text("fallback_application_name");
  const options = read.text("options");
  const passFile = read.text("passfile");
  refuseUnkeepable(read, refuse);
  return {
    ...first,
    user,
    database,
    ...(password === "" ? {} : { password }),
    ...mode,
    ...(sslRootCert === undefined ? {} : { sslRootCert }),
    endpoints,
    ...(session === undefined || session === "any" ? {} : { sessionKind: session }),
    ...(read.word("load_balance_hosts", ["disable", "random"]) === "random" ? { shufflesHosts: true } : {}),
    ...(tls === undefined ? {} : { tls }),
    ...(binding === undefined || binding === "prefer" ? {} : { channelBinding: binding }),
    ...readTimeout(read, refuse),
    ...(applicationName === undefined ? {} : { applicationName }),
    ...(options === undefined ? {} : { options }),
    ...(passFile === undefined ? {} : { passFile }),
  };
}

function readEndpoints(parts: UrlParts, read: Parameters, refuse: Refuse): readonly Endpoint[] {
  const addresses = read.text("hostaddr")?.split(",") ?? [];
  const named = read.text("host")?.split(",") ?? parts.hosts;
  const hosts = named.every((host) => host === "") && addresses.length > 0 ? addresses : named;
  const ports = read.text("port")?.split(",") ?? parts.ports;
  if (ports.length !== 1 && ports.length !== hosts.length) {
    throw refuse(
      "names another number of ports than of hosts",
      "Give one port for all hosts, or one for each.",
    );
  }
  if (addresses.length > 0 && addresses.length !== hosts.length) {
    throw refuse("names another number of addresses than of hosts", "Give one hostaddr for each host.");
  }
  if (addresses.some((address) => isIP(address) === 0)) {
    throw refuse(
      "has a hostaddr that is no IP address",
      "Write an address such as 192.0.2.7, or use `host`.",
    );
  }
  return hosts.map((host, index) => {
    const address = addresses[index];
    const text = (ports.length === 1 ? ports[0] : ports[index]) ?? "";
    const port = text === "" ? 5432 : /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
    if (!(port >= 1 && port <= 65_535)) throw refuse("has a port that is not 1 to 65535");
    return { host, port, ...(address === undefined ? {} : { address }) };
  });
}

function readMode(
  endpoints: readonly Endpoint[],
  read: Parameters,
  { system, tls }: { readonly system: boolean; readonly tls: TlsWishes | undefined },
  refuse: Refuse,
): Pick<Connection, "sslMode" | "sslModeChosen"> {
  const chosen =
    read.word("sslmode", sslModes) ?? (read.word("ssl", ["true"]) === "true" ? "require" : undefined);
  const local = endpoints.every(({ host, address }) => isLocal(address ?? host));
  const sslMode = chosen ?? (local && !system ? "prefer" : "verify-full");
  if (system && sslMode !== "verify-full") {
    throw refuse(
      `has sslmode=${sslMode}, which is too weak for sslrootcert=system`,
      "Every public authority is trusted then, so the name must be checked: write sslmode=verify-full.",
    );
  }
  if (tls?.direct === true && ["disable", "allow", "prefer"].includes(sslMode)) {
    throw refuse(
      `has sslmode=${sslMode}, which is too weak for sslnegotiation=direct`,
      "Write sslmode=require, verify-ca or verify-full.",
    );
  }
  return { sslMode, sslModeChosen: chosen !== undefined };
}

function refuseUnkeepable(read: Parameters, refuse: Refuse): void {
  if (read.word("gssencmode", ["disable", "prefer", "require"]) === "require") {
    throw refuse(
      "has gssencmode=require, and Lifeboat has no GSSAPI encryption",
      "Use TLS: remove gssencmode and write sslmode=verify-full.",
    );
  }
  const encoding = read.text("client_encoding");
  if (encoding !== undefined && !/^(?:utf-?8|unicode|auto)$/i.test(encoding)) {
    throw refuse(
      "has a client_encoding other than UTF8",
      "Remove it: backups are always read and written as UTF-8.",
    );
  }
}

function readTimeout(read: Parameters, refuse: Refuse): Pick<Connection, "connectTimeoutSeconds"> {
  const text = read.text("connect_timeout");
  if (text === undefined) return {};
  if (!/^-?\d{1,6}$/.test(text)) {
    throw refuse("has a connect_timeout that is no number", "Give whole seconds; 0 waits without limit.");
  }
  return { connectTimeoutSeconds: Math.max(0, Number(text)) };
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
  return placesOf(connection)
    .map(({ host, port }) => `${host}:${port}`)
    .join(", ");
}

export function placesOf(connection: Connection): readonly Endpoint[] {
  return placesOfUrl(connection) ?? [connection];
}

/** Those that the URL named, shared by all copies; undefined for a copy that was given another host or port. */
export function placesOfUrl({ endpoints, host, port, address }: Connection): readonly Endpoint[] | undefined {
  const first = endpoints?.[0];
  const same = first?.host === host && first.port === port && first.address === address;
  return same ? endpoints : undefined;
}
