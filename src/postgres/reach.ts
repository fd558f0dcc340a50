/**
 * The way to a server, as libpq goes it: the hosts of a URL in order, the addresses of each host, and for each address
 * the encryptions that the mode allows. Only who does not answer, or is the wrong kind of server, is passed over.
 */
import { randomInt } from "node:crypto";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type pg from "pg";
import { attempt, type Attempted, AttemptFailed } from "./attempt.ts";
import { type Connection, type Endpoint, placesOf } from "./connection.ts";
import { settle, settledEndpoint } from "./settled.ts";
import { encryptionsToTry } from "./tls.ts";

/** None of the servers that let us in is of the kind that the URL asks for. */
export class WrongKindOfSession extends Error {}

export async function reach(connection: Connection): Promise<Attempted> {
  const settled = settledEndpoint(connection);
  if (settled !== undefined) return await openAt(connection, settled, [settled.address]);
  const endpoints = inOrder(placesOf(connection), connection.shufflesHosts === true);
  if (connection.sessionKind !== "prefer-standby") return await firstOf(connection, endpoints);
  try {
    return await firstOf({ ...connection, sessionKind: "standby" }, endpoints);
  } catch (error) {
    if (!mayTryNextHost(error)) throw error;
    return await firstOf({ ...connection, sessionKind: "any" }, endpoints);
  }
}

async function firstOf(connection: Connection, endpoints: readonly Endpoint[]): Promise<Attempted> {
  let failure: unknown;
  for (const endpoint of endpoints) {
    try {
      const addresses = inOrder(await addressesOf(endpoint), connection.shufflesHosts === true);
      return await openAt(connection, endpoint, addresses);
    } catch (error) {
      if (!mayTryNextHost(error)) throw error;
      failure = error;
    }
  }
  throw failure;
}

function mayTryNextHost(error: unknown): boolean {
  if (error instanceof WrongKindOfSession) return true;
  return error instanceof AttemptFailed && (error.outcome === "unreached" || error.outcome === "busy");
}

async function openAt(
  connection: Connection,
  endpoint: Endpoint,
  addresses: readonly (string | undefined)[],
): Promise<Attempted> {
  let failure: unknown;
  for (const address of addresses) {
    const place: Endpoint = { ...endpoint, ...(address === undefined ? {} : { address }) };
    try {
      const { encrypted, ...attempted } = await openEitherWay(connection, place);
      await requireKind(attempted.client, connection.sessionKind);
      settle(connection, place, encrypted);
      return attempted;
    } catch (error) {
      if (!(error instanceof AttemptFailed) || error.outcome !== "unreached") throw error;
      failure = error;
    }
  }
  throw failure;
}

async function openEitherWay(
  connection: Connection,
  endpoint: Endpoint,
): Promise<Attempted & { readonly encrypted: boolean }> {
  const failures: AttemptFailed[] = [];
  for (const encrypted of encryptionsToTry(connection, endpoint)) {
    try {
      return { ...(await attempt(connection, endpoint, encrypted)), encrypted };
    } catch (error) {
      if (!(error instanceof AttemptFailed)) throw error;
      failures.push(error);
      if (!["no-tls", "handshake-failed", "refused"].includes(error.outcome)) break;
    }
  }
  throw tellingMost(failures);
}

/** A wrong password says more than a rule that lets nobody in this way. */
function tellingMost(failures: readonly AttemptFailed[]): unknown {
  const ruledOut = ({ message }: AttemptFailed): boolean => message.includes("pg_hba.conf");
  const said = failures.filter(({ outcome }) => outcome !== "no-tls");
  return said.find((failure) => !ruledOut(failure)) ?? said.at(-1) ?? failures.at(-1);
}

async function requireKind(client: pg.Client, kind: Connection["sessionKind"]): Promise<void> {
  if (kind === undefined || kind === "any") return;
  const { rows } = await client.query<{ standby: string; reads: string }>(
    `select pg_catalog.pg_is_in_recovery() as standby,
            pg_catalog.current_setting('transaction_read_only') as reads`,
  );
  const standby = rows[0]?.standby === "t";
  const readOnly = standby || rows[0]?.reads === "on";
  const kinds = [standby ? "standby" : "primary", readOnly ? "read-only" : "read-write"];
  if (kinds.includes(kind)) return;
  await client.end().catch(() => {});
  throw new WrongKindOfSession(kind);
}

async function addressesOf({ host, address }: Endpoint): Promise<readonly (string | undefined)[]> {
  if (address !== undefined) return [address];
  if (host.startsWith("/") || isIP(host) !== 0) return [undefined];
  try {
    return (await lookup(host, { all: true })).map((found) => found.address);
  } catch (cause) {
    throw new AttemptFailed("unreached", host, false, cause);
  }
}

function inOrder<T>(all: readonly T[], shuffled: boolean): readonly T[] {
  if (!shuffled) return all;
  const mixed = [...all];
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    [mixed[last], mixed[other]] = [mixed[other] as T, mixed[last] as T];
  }
  return mixed;
}
