/**
 * What was found out on the way to a server, so that PostgreSQL's own programs go where our sessions are: a snapshot
 * lives on one server, and an encrypted session beside a dump in the clear would protect nothing.
 */
import { type Connection, type Endpoint, placesOfUrl } from "./connection.ts";

export interface Settled {
  readonly endpoint: Endpoint;
  /** By user and database: a server may ask for encryption for some of them only. */
  readonly encrypted: ReadonlyMap<string, boolean>;
}

const settled = new WeakMap<readonly Endpoint[], Settled>();

/** Undefined before the first session, and for connections that were not read from a URL. */
export function settledEndpoint(connection: Connection): Endpoint | undefined {
  return settledFor(connection)?.endpoint;
}

export function settledEncryption(connection: Connection): boolean | undefined {
  return settledFor(connection)?.encrypted.get(whoAndWhere(connection));
}

export function settle(connection: Connection, endpoint: Endpoint, encrypted: boolean): void {
  const places = placesOfUrl(connection);
  if (places === undefined) return;
  const before = settled.get(places)?.encrypted ?? [];
  const known = new Map([...before, [whoAndWhere(connection), encrypted]]);
  settled.set(places, { endpoint, encrypted: known });
}

function settledFor(connection: Connection): Settled | undefined {
  const places = placesOfUrl(connection);
  return places === undefined ? undefined : settled.get(places);
}

function whoAndWhere({ user, database }: Connection): string {
  return JSON.stringify([user, database]);
}
