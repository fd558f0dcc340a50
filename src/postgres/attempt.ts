/** One try to open a session: to one address, encrypted or not. */
import type { EventEmitter } from "node:events";
import type { Duplex } from "node:stream";
import pg from "pg";
import { LifeboatError } from "../errors.ts";
import { optionsMarker } from "./begin-session.ts";
import type { Connection, Endpoint } from "./connection.ts";
import { passwordFromFile } from "./pass-file.ts";
import { noteRefusedOptions, refusesOptions, sessionFacts } from "./session-facts.ts";
import { asOptions, startupOptions, withoutLibraries } from "./session-settings.ts";
import { tlsOptions } from "./tls.ts";

/** How far a try came, which decides what libpq would try next. */
export type Outcome =
  /** Nobody answers at this address. */
  | "unreached"
  /** The server answers and takes no encryption. */
  | "no-tls"
  /** No encryption came about: certificate, version, cipher. */
  | "handshake-failed"
  /** The server is starting, or a standby that takes nobody. */
  | "busy"
  /** The server refused before it let us in: rules or password. */
  | "refused"
  /** Anything later, or anything that we ourselves refused. */
  | "failed";

export class AttemptFailed extends Error {
  readonly outcome: Outcome;
  readonly host: string;
  readonly encrypted: boolean;

  constructor(outcome: Outcome, host: string, encrypted: boolean, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.outcome = outcome;
    this.host = host;
    this.encrypted = encrypted;
  }
}

/**
 * Every value as PostgreSQL wrote it: dates and numbers must not pass through JavaScript's types.
 * Booleans and int4 counters would be harmless, but one rule is easier to trust.
 */
const textOnly = { getTypeParser: () => (value: string | Buffer) => value.toString() };

const boundMechanism = "SCRAM-SHA-256-PLUS";

/** What `pg` has and its types do not show. */
interface Wire extends EventEmitter {
  readonly stream: Duplex;
}
interface Inside {
  readonly connection: Wire;
  readonly connectionParameters: { options: string | undefined };
  readonly saslSession: { readonly mechanism: string } | null;
}

export interface Attempted {
  readonly client: pg.Client;
  /** It came about only without the libraries that role or database preload. */
  readonly skipsLibraries: boolean;
}

/** Throws AttemptFailed, or `input-invalid` for files that the URL names. */
export async function attempt(
  connection: Connection,
  endpoint: Endpoint,
  encrypted: boolean,
): Promise<Attempted> {
  const skipsLibraries = sessionFacts(connection)?.skipsLibraries === true;
  const wish = { gives: !refusesOptions(connection), skipsLibraries };
  try {
    return { client: await attemptWith(connection, endpoint, encrypted, wish), skipsLibraries };
  } catch (failure) {
    const { cause } = failure as { cause?: { code?: string; message: string } };
    if (wish.gives && cause !== undefined && refusedOptions(cause)) {
      if (connection.options !== undefined) throw failure;
      noteRefusedOptions(connection);
      return await attempt(connection, endpoint, encrypted);
    }
    if (skipsLibraries || cause?.code !== missingFile) throw failure;
    const client = await attemptWith(connection, endpoint, encrypted, {
      ...wish,
      skipsLibraries: true,
    }).catch(() => Promise.reject(failure as Error));
    return { client, skipsLibraries: true };
  }
}

/** A library that role or database preload, and the server lacks. */
const missingFile = "58P01";

/** PgBouncer's words. */
export function refusedOptions({ message }: { readonly message: string }): boolean {
  return /unsupported startup parameter(?: in options)?: /.test(message);
}

async function attemptWith(
  connection: Connection,
  endpoint: Endpoint,
  encrypted: boolean,
  { gives, skipsLibraries }: { readonly gives: boolean; readonly skipsLibraries: boolean },
): Promise<pg.Client> {
  const binding = connection.channelBinding ?? "prefer";
  const client = new pg.Client({
    host: endpoint.address ?? endpoint.host,
    port: endpoint.port,
    user: connection.user,
    database: connection.database,
    ...passwordOf(connection, endpoint),
    ssl: encrypted ? tlsOptions(connection, endpoint) : false,
    sslnegotiation: encrypted && connection.tls?.direct === true ? "direct" : "postgres",
    enableChannelBinding: encrypted && binding !== "disable",
    application_name: connection.applicationName ?? "lifeboat",
    connectionTimeoutMillis: (connection.connectTimeoutSeconds ?? 30) * 1000,
    keepAlive: true,
    // A peer that vanished without a word is noticed in minutes, not after the two hours of most systems.
    keepAliveInitialDelayMillis: 30_000,
    types: textOnly as unknown as pg.CustomTypesConfig,
  });
  // A connection that the server ends between two queries must not end the process; the next query will fail.
  client.on("error", () => {});
  const { connection: wire, connectionParameters } = client as unknown as Inside;
  // Always set, or `pg` would take this process's own PGOPTIONS.
  connectionParameters.options = gives
    ? [
        ...(connection.options === undefined ? [] : [connection.options]),
        // Already the first statement may meet a time limit; but whether a server is for reading is its own say.
        ...(connection.sessionKind === undefined ? [startupOptions(sessionFacts(connection))] : []),
        asOptions([optionsMarker, ...(skipsLibraries ? withoutLibraries : [])]),
      ].join(" ")
    : connection.options;
  const stage = followStages(wire, encrypted);
  const refusal = binding === "require" ? requireBinding(wire) : undefined;
  try {
    await client.connect();
    // The server's welcome may have come in one piece with what we refused.
    const refused = refusal?.();
    if (refused !== undefined) throw refused;
    return client;
  } catch (cause) {
    wire.stream.destroy();
    throw new AttemptFailed(outcomeOf(cause, stage()), endpoint.host, encrypted, cause);
  }
}

function passwordOf(connection: Connection, endpoint: Endpoint): { readonly password?: string } {
  const { password, passFile } = connection;
  const found =
    password ?? (passFile === undefined ? undefined : passwordFromFile(passFile, endpoint, connection));
  return found === undefined ? {} : { password: found };
}

type Stage = "reaching" | "asking" | "handshake" | "startup" | "let-in";

function followStages(wire: Wire, encrypted: boolean): () => Stage {
  let stage: Stage = "reaching";
  wire.once("connect", () => (stage = encrypted ? "asking" : "startup"));
  wire.once("sslconnect", () => {
    stage = "handshake";
    wire.stream.once("secureConnect", () => (stage = "startup"));
  });
  wire.once("authenticationOk", () => (stage = "let-in"));
  return () => stage;
}

function outcomeOf(cause: unknown, stage: Stage): Outcome {
  const { message = "", code } = cause as { message?: string; code?: string };
  if (cause instanceof pg.DatabaseError) {
    if (stage === "let-in") return "failed";
    return code === "57P03" ? "busy" : "refused";
  }
  if (stage === "reaching" || message === "timeout expired") return "unreached";
  if (stage === "asking" && /does not support SSL/.test(message)) return "no-tls";
  return stage === "handshake" ? "handshake-failed" : "failed";
}

/**
 * Before anything derived from the password leaves: the server must prove that nobody stands between. Returns why it
 * was refused, if it was.
 */
function requireBinding(wire: Wire): () => LifeboatError | undefined {
  let bound = false;
  let refusal: LifeboatError | undefined;
  const refuse = (): void => {
    refusal = new LifeboatError(
      "channel-binding-missing",
      "The login cannot be bound to the TLS connection, and the URL has channel_binding=require.",
    );
    wire.stream.destroy(refusal);
  };
  wire.prependListener("authenticationSASL", ({ mechanisms }: { mechanisms: readonly string[] }) => {
    bound = mechanisms.includes(boundMechanism) && "getPeerCertificate" in wire.stream;
    if (!bound) refuse();
  });
  for (const method of ["authenticationCleartextPassword", "authenticationMD5Password"]) {
    wire.prependListener(method, refuse);
  }
  wire.prependListener("authenticationOk", () => {
    if (!bound) refuse();
  });
  return () => refusal;
}
