/** What a failed connection means, in one sentence with its cure. */
import pg from "pg";
import { LifeboatError } from "../errors.ts";
import { bannedHint, type ConnectRefusal, connectRefusal } from "../supabase/connect-refusals.ts";
import { databaseAddress } from "../supabase/database-address.ts";
import { AttemptFailed, refusedOptions } from "./attempt.ts";
import { type Connection, describeServer } from "./connection.ts";
import { quoteIdentifier } from "./identifiers.ts";
import { tooManyConnections } from "./program-failures.ts";
import { WrongKindOfSession } from "./reach.ts";
import { wrongName } from "./tls.ts";

export function connectError(connection: Connection, thrown: unknown): LifeboatError {
  const cause = thrown instanceof AttemptFailed ? thrown.cause : thrown;
  if (cause instanceof LifeboatError) return cause;
  const server = describeServer(connection);
  if (cause instanceof WrongKindOfSession) {
    return new LifeboatError("database-unreachable", `No session on ${server} is ${cause.message}.`, {
      cause,
      hint: "Correct target_session_attrs in the database URL, or name the right host.",
    });
  }
  const { code, message } = cause as { code?: string; message: string };
  if (thrown instanceof AttemptFailed) {
    const failure = encryptionError(connection, thrown);
    if (failure !== undefined) return failure;
  }
  const refusal = connectRefusal(message);
  const answered = saidByServer(connection, cause as Said, refusal);
  if (answered !== undefined) return answered;
  if (refusal !== undefined) {
    return new LifeboatError(refusal.code, `The server ${server} let us not in: ${message}.`, {
      cause,
      hint: refusal.hint,
    });
  }
  if (/client password must be/.test(message)) {
    return new LifeboatError(
      "database-login-refused",
      `The server ${server} asks for a password, and none is given.`,
      {
        cause,
        hint: "Write it into the URL, percent-encoded: postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
      },
    );
  }
  if (code === "28P01" || code === "28000" || /password authentication failed/.test(message)) {
    return new LifeboatError(
      "database-login-refused",
      `The server ${server} refused the login: ${message}.`,
      { cause },
    );
  }
  // A pooler hands the server's words on under a code of its own.
  if (code === "3D000" || /^database ".*" does not exist|^no such database: /.test(message)) {
    return new LifeboatError("database-missing", `The server ${server} has no such database.`, { cause });
  }
  const why = message === "" ? String(code) : message;
  if (cause instanceof pg.DatabaseError) {
    return new LifeboatError("database-unreachable", `The server ${server} refused the session: ${why}.`, {
      cause,
      hint: "The server answers, so the network is not at fault: its own words say why, and its log may say more.",
    });
  }
  const perhapsBanned = code === "ECONNREFUSED" && databaseAddress(connection).hosted;
  return new LifeboatError("database-unreachable", `No connection to ${server}: ${why}.`, {
    cause,
    ...(perhapsBanned ? { hint: bannedHint } : {}),
  });
}

interface Said {
  readonly code?: string;
  readonly message: string;
}

/** What any server or pooler may answer instead of a session. */
function saidByServer(
  connection: Connection,
  cause: Said,
  refusal: ConnectRefusal | undefined,
): LifeboatError | undefined {
  const { user, database } = connection;
  const server = describeServer(connection);
  const { code, message } = cause;
  if (refusedOptions(cause)) {
    return new LifeboatError(
      "startup-options-refused",
      `The pooler ${server} refuses the startup parameter \`options\` of the database URL: ${message}.`,
      { cause },
    );
  }
  if (code === "53300" || tooManyConnections.test(message)) {
    return new LifeboatError(
      "too-many-connections",
      `The server ${server} has no connection left: ${message}.`,
      { cause, ...(refusal === undefined ? {} : { hint: refusal.hint }) },
    );
  }
  if (!/permission denied for database/.test(message)) return undefined;
  return new LifeboatError("privilege-missing", `The role may not connect to the database: ${message}.`, {
    cause,
    hint: `As an administrator run: GRANT CONNECT ON DATABASE ${quoteIdentifier(database)} TO ${quoteIdentifier(user)};`,
  });
}

/** Undefined where encryption is not what went wrong. */
function encryptionError(connection: Connection, failure: AttemptFailed): LifeboatError | undefined {
  const server = describeServer(connection);
  const { sslMode } = connection;
  const { code, message, routine } = failure.cause as { code?: string; message: string; routine?: string };
  const { cause } = failure;
  if (failure.outcome === "no-tls") {
    return new LifeboatError(
      "database-without-tls",
      `The server ${server} does not support TLS, and sslmode=${sslMode} needs it.`,
      { cause },
    );
  }
  if (failure.outcome === "handshake-failed") {
    const why = certificateProblem(failure.host, code ?? "", message);
    return new LifeboatError(
      "database-certificate",
      `TLS with ${server} failed (sslmode=${sslMode}): ${why.sentence}.`,
      { cause, ...(why.hint === undefined ? {} : { hint: why.hint }) },
    );
  }
  if (code !== "28000" || routine !== "ClientAuthentication") return undefined;
  if (/client certificate/.test(message)) {
    return new LifeboatError(
      "database-login-refused",
      `The server ${server} asks for a client certificate: ${message}.`,
      { cause, hint: "Give it in the database URL: sslcert=FILE and sslkey=FILE." },
    );
  }
  if (/pg_hba\.conf/.test(message) && sslMode === "disable" && /no encryption|SSL off/.test(message)) {
    return new LifeboatError(
      "database-requires-tls",
      `The server ${server} refuses this login without TLS, and the URL has sslmode=disable.`,
      { cause },
    );
  }
  if (failure.encrypted && /SSL encryption|SSL on/.test(message)) {
    return new LifeboatError(
      "database-login-refused",
      `The server ${server} refused the login over TLS (sslmode=${sslMode}): ${message}.`,
      {
        cause,
        hint: "Have the server's pg_hba.conf allow this user, database and address with a `hostssl` line.",
      },
    );
  }
  return undefined;
}

interface Problem {
  readonly sentence: string;
  readonly hint?: string;
}

function certificateProblem(host: string, code: string, message: string): Problem {
  switch (code) {
    case wrongName:
      return {
        sentence: `the certificate is for ${message}, not for ${host}`,
        hint: "Use a host name that the certificate names, or sslmode=verify-ca, which does not check the name.",
      };
    case "CERT_HAS_EXPIRED":
      return { sentence: "the certificate has expired", hint: "Renew the server's certificate." };
    case "CERT_NOT_YET_VALID":
      return {
        sentence: "the certificate is not yet valid",
        hint: "Check this machine's clock, then the certificate's dates.",
      };
    case "CERT_REVOKED":
      return { sentence: "the certificate was revoked", hint: "Give the server a new certificate." };
    case "UNABLE_TO_GET_CRL":
    case "CRL_HAS_EXPIRED":
      return {
        sentence: `the revocation list does not cover the certificate (${message})`,
        hint: "Update the file that sslcrl names: it needs a valid list of every authority in the chain.",
      };
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "CERT_SIGNATURE_FAILURE":
      return {
        sentence: `no trusted authority signed the certificate (${message.split(";")[0] ?? ""})`,
        hint: "Download the server's root certificate and give its path: sslrootcert=FILE in the database URL.",
      };
    default:
      return { sentence: message.trim() === "" ? code : message.trim().replace(/\.$/, "") };
  }
}
