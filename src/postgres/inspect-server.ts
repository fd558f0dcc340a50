/** What must be true of a server before a backup starts; each thing that is not ends in one sentence with its cure. */
import { lookup } from "node:dns/promises";
import { networkInterfaces } from "node:os";
import { LifeboatError } from "../errors.ts";
import { databaseAddress } from "../supabase/database-address.ts";
import type { Sql } from "./client.ts";
import { type Connection, isLocal } from "./connection.ts";

export interface ServerFacts {
  /** `15.18`, without the distribution's addition. */
  readonly version: string;
  readonly major: number;
  readonly encoding: string;
  readonly superuser: boolean;
  /** Replays another server's log, and can only be read. */
  readonly isStandby: boolean;
}

const oldestMajor = 13;

/** What this machine's network says; tests say something else. */
export interface Network {
  addressesOf(host: string): Promise<readonly { readonly family: number }[]>;
  hasIpv6(): boolean;
}

const ownNetwork: Network = { addressesOf: (host) => lookup(host, { all: true }), hasIpv6: hasIpv6Route };

/** Refuses connections that cannot work, from the URL and the name server alone. */
export async function refuseHopelessConnection(
  connection: Connection,
  network: Network = ownNetwork,
): Promise<void> {
  const address = databaseAddress(connection);
  if (address.kind === "transaction-pooler") {
    throw new LifeboatError(
      "transaction-pooler",
      `Port ${connection.port} is a transaction pooler: it cannot hold one snapshot over several connections.`,
      address.hosted && address.direct
        ? {
            hint: `Write ${connection.host}:5432, which is the database itself, or the session pooler's address (dashboard, Connect).`,
          }
        : {},
    );
  }
  if (connection.host.startsWith("/") || isLocal(connection.host)) return;
  const addresses = await network.addressesOf(connection.host).catch((cause: unknown) => {
    throw new LifeboatError("database-unreachable", `The host name ${connection.host} cannot be resolved.`, {
      cause,
    });
  });
  if (addresses.every(({ family }) => family === 6) && !network.hasIpv6()) {
    throw new LifeboatError(
      "database-ipv6-only",
      `The host ${connection.host} has IPv6 addresses only, and this machine has no IPv6.`,
    );
  }
}

function hasIpv6Route(): boolean {
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  return addresses.some(
    ({ family, internal, address }) => family === "IPv6" && !internal && !address.startsWith("fe80"),
  );
}

/** The server's own clock, asked now. */
export async function serverTime(sql: Sql): Promise<Date | undefined> {
  const { rows } = await sql.query<{ ms: string }>(
    "select pg_catalog.floor(extract(epoch from pg_catalog.clock_timestamp()) * 1000)::text as ms",
  );
  const ms = Number(rows[0]?.ms);
  return Number.isNaN(ms) ? undefined : new Date(ms);
}

/** Asks the server who it is and whether this role may read everything. */
export async function inspectServer(sql: Sql): Promise<ServerFacts> {
  const { rows } = await sql.query<Record<string, string>>(`
    select current_setting('server_version') as version,
           current_setting('server_version_num')::int / 10000 as major,
           pg_catalog.pg_encoding_to_char(d.encoding) as encoding,
           r.rolsuper as superuser,
           pg_catalog.pg_is_in_recovery() as standby
    from pg_catalog.pg_database d, pg_catalog.pg_roles r
    where d.datname = pg_catalog.current_database() and r.rolname = current_user`);
  const row = rows[0] ?? {};
  const facts = {
    version: (row["version"] ?? "").split(" ")[0] ?? "",
    major: Number(row["major"]),
    encoding: row["encoding"] ?? "",
    superuser: row["superuser"] === "t",
    isStandby: row["standby"] === "t",
  };
  if (facts.major < oldestMajor) {
    throw new LifeboatError("server-too-old", `The server is PostgreSQL ${facts.version}.`);
  }
  return facts;
}
