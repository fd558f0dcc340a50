/** What a connection's address says about a Supabase project; nothing is asked of anybody. */

export interface DatabaseAddress {
  /** `transaction-pooler` cannot be backed up through. */
  readonly kind: "direct" | "session-pooler" | "transaction-pooler" | "other";
  /** Whether the host is the platform's: self-hosted projects have hosts of their own. */
  readonly hosted: boolean;
  /** The host is the database's own, whatever listens on the port. */
  readonly direct: boolean;
  readonly projectRef: string | undefined;
}

const transactionPort = 6543;
const directHost = /^db\.([a-z0-9]+)\.supabase\.(?:co|com|in|net|red)$/i;
const poolerHost = /\.pooler\.supabase\.(?:co|com)$/i;
/** `postgres.abcdefghijklmnopqrst`, as the pooler wants it. */
const poolerUser = /^[^.]+\.([a-z]{20})$/;

export function databaseAddress(connection: {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}): DatabaseAddress {
  const directRef = directHost.exec(connection.host)?.[1];
  const direct = directRef !== undefined;
  const pooler = poolerHost.test(connection.host);
  const projectRef = directRef?.toLowerCase() ?? poolerUser.exec(connection.user)?.[1];
  const found = { hosted: direct || pooler, direct, projectRef };
  if (connection.port === transactionPort) return { kind: "transaction-pooler", ...found };
  if (pooler) return { kind: "session-pooler", ...found };
  return { kind: direct ? "direct" : "other", ...found };
}
