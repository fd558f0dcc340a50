/** What others' errors mean that can be foreseen: a cut connection, a statement that was refused, a file system's no. */
import type { ErrorCode } from "./error-catalogue.ts";

export interface ForeignMeaning {
  readonly code: ErrorCode;
  /** Holds none of the error's own words: they may name what is inside a backup. */
  readonly sentence: string;
}

const cutCodes = new Set([
  ...["ECONNRESET", "ECONNABORTED", "ECONNREFUSED", "EPIPE", "ETIMEDOUT", "ENETUNREACH", "ENETDOWN"],
  ...["EHOSTUNREACH", "EHOSTDOWN", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_SOCKET", "UND_ERR_CONNECT_TIMEOUT"],
]);
const machineCodes = new Set([
  ...["ENOSPC", "EDQUOT", "EFBIG", "EACCES", "EPERM", "EROFS", "EIO", "ENAMETOOLONG", "ELOOP", "EBUSY"],
  ...["EMFILE", "ENFILE", "ENOTDIR", "EISDIR", "ENOTEMPTY", "ESTALE", "ENOMEM", "E2BIG", "EAGAIN"],
]);
/** Words of `pg` for a connection that is gone; it gives no code. */
const goneWords = /^(?:Connection terminated|Client (?:has encountered a connection error|was closed))/;
/** The server ends sessions, or is going down. */
const endedStates = /^(?:57P0[1-5]|08|25P0[34])/;

/** PostgreSQL's words for what exceeds 1 GB; the code is that of any inner error. */
const tooLarge = /^invalid memory alloc request size|cannot enlarge string buffer/i;

/** Undefined for what nobody foresaw. */
export function foreignMeaning(thrown: unknown): ForeignMeaning | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const { code, severity, hint } = thrown as Partial<Record<"code" | "severity" | "hint", unknown>>;
  if (goneWords.test(thrown.message)) return lost("The connection to the database was cut");
  if (typeof code !== "string") return undefined;
  if (typeof severity === "string" && /^[0-9A-Z]{5}$/.test(code)) {
    if (code === "53200" && /max_locks_per_transaction/.test(String(hint))) {
      const sentence = "The server has no more room for locks (max_locks_per_transaction).";
      return { code: "locks-exhausted", sentence };
    }
    if (endedStates.test(code)) return lost(`The database server ended the connection (${code})`);
    if (tooLarge.test(thrown.message)) {
      return { code: "value-too-large", sentence: "A value is too large for PostgreSQL to write as text." };
    }
    return { code: "database-statement-failed", sentence: `PostgreSQL refused a statement (${code}).` };
  }
  if (cutCodes.has(code)) return lost(`A connection was cut (${code})`);
  if (!machineCodes.has(code)) return undefined;
  return { code: "machine-refused", sentence: `The operating system refused something (${code}).` };
}

function lost(what: string): ForeignMeaning {
  return { code: "connection-lost", sentence: `${what} in the middle of the work.` };
}
