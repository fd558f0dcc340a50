/** Large objects: how many there are and, where they may be read, a hash over all of them. */
import type { DatabaseContents } from "../snapshot/contents.ts";
import type { Sql } from "./client.ts";
import { orRefused, undoneRows } from "./undone.ts";

/** As hexadecimal digits a piece takes twice that of the server's memory. */
const usualPieceBytes = 8 * 1024 * 1024;
/** Of the method before: the first 500 MB of each object, in one piece. */
const longestHashedBytes = 500_000_000;

type LargeObjects = DatabaseContents["largeObjects"];

/** `asIn`: hashed as that backup's were. `sql` is in a transaction, which goes on. */
export async function readLargeObjects(
  sql: Sql,
  wanted: { readonly hashes: boolean; readonly asIn?: LargeObjects; readonly pieceBytes?: number },
): Promise<LargeObjects> {
  const { rows } = await sql.query<{ count: string }>(
    "select count(*)::text as count from pg_catalog.pg_largeobject_metadata",
  );
  const count = Number(rows[0]?.count);
  if (!wanted.hashes || count === 0) return { count };
  const { asIn, pieceBytes = usualPieceBytes } = wanted;
  const bytes = asIn?.pieces?.bytes ?? (asIn?.hash === undefined ? pieceBytes : undefined);
  // pg_dump decides whether they can be backed up; without the right to read them there is only no hash.
  const query = bytes === undefined ? hashOfBeginnings : hashOfPieces(bytes);
  const hash = (await orRefused(undoneRows<{ hash: string }>(sql, query)))?.[0]?.hash;
  if (hash === undefined) return { count };
  return bytes === undefined ? { count, hash } : { count, pieces: { bytes, hash } };
}

export function hasHash({ hash, pieces }: LargeObjects): boolean {
  return hash !== undefined || pieces !== undefined;
}

/** The hash of the method that `expected` was made with, on both sides. */
export function sameLargeObjects(expected: LargeObjects, found: LargeObjects): boolean | undefined {
  const [wanted, there] =
    expected.pieces === undefined
      ? [expected.hash, found.hash]
      : [expected.pieces.hash, found.pieces?.bytes === expected.pieces.bytes ? found.pieces.hash : undefined];
  return wanted === undefined || there === undefined ? undefined : wanted === there;
}

function hashed(words: string, from: string): string {
  return `select pg_catalog.lpad(pg_catalog.to_hex((coalesce(pg_catalog.sum(
      pg_catalog.hashtextextended(${words}, 0)::numeric), 0) % 9223372036854775808)::int8), 16, '0') as hash
    from pg_catalog.pg_largeobject_metadata l ${from}`;
}

const hashOfBeginnings = hashed(
  `l.oid::text || ':' || pg_catalog.encode(pg_catalog.lo_get(l.oid, 0, ${longestHashedBytes}), 'hex')`,
  "",
);

/** Each piece with its object and place. Every descriptor is closed at once: the server looks for a free one in turn. */
function hashOfPieces(bytes: number): string {
  return hashed(
    `l.oid::text || ':' || p.at || ':' || pg_catalog.encode(pg_catalog.lo_get(l.oid, p.at, ${bytes}), 'hex')`,
    `cross join lateral (select s.size from (
       select o.fd, pg_catalog.lo_lseek64(o.fd, 0, 2) as size
         from (select pg_catalog.lo_open(l.oid, 262144) as fd offset 0) o offset 0) s
       where pg_catalog.lo_close(s.fd) = 0) s
     cross join lateral pg_catalog.generate_series(0::int8, greatest(s.size - 1, 0), ${bytes}::int8) p (at)`,
  );
}
