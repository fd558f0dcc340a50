import { expect, test } from "vitest";
import { withClient } from "../../../src/postgres/client.ts";
import { readLargeObjects, sameLargeObjects } from "../../../src/postgres/large-objects.ts";
import type { DatabaseContents } from "../../../src/snapshot/contents.ts";
import { connectionTo } from "../backup/backing-up.ts";
import { sharedServer } from "../../support/shared-server.ts";

type LargeObjects = DatabaseContents["largeObjects"];

/** Objects of 0, 1 and several pieces of 1,000 bytes, one of them with a hole. */
const objects = `
  select lo_create(0) from generate_series(1, 20);
  select lo_from_bytea(0, decode(repeat('00ff', n * 250), 'hex')) from generate_series(1, 6) n;
  select lo_put(lo_from_bytea(4242, 'beginning'), 9000, 'end');`;

async function read(database: string, wanted: { asIn?: LargeObjects } = {}): Promise<LargeObjects> {
  const server = await sharedServer(15);
  return await withClient(connectionTo(server, database), async (sql) => {
    await sql.query("begin read only");
    const found = await readLargeObjects(sql, { hashes: true, pieceBytes: 1000, ...wanted });
    return found;
  });
}

test("large objects are hashed piece by piece, to their last byte", async () => {
  const server = await sharedServer(15);
  await server.createDatabase("pieces");
  await server.sql("pieces", objects);
  const before = await read("pieces");
  expect(before).toMatchObject({ count: 27, pieces: { bytes: 1000 } });
  expect(sameLargeObjects(before, await read("pieces"))).toBe(true);
  expect(
    await read("pieces", { asIn: { count: 27, pieces: { bytes: 300, hash: "0".repeat(16) } } }),
  ).toMatchObject({
    pieces: { bytes: 300 },
  });
  await server.sql("pieces", "select lo_put(4242, 9002, 'D')");
  expect(sameLargeObjects(before, await read("pieces"))).toBe(false);
  await server.sql("pieces", "select lo_put(4242, 9002, 'd')");
  expect(sameLargeObjects(before, await read("pieces"))).toBe(true);
  // As long as before, and the same bytes in another place.
  await server.sql("pieces", "select lo_put(4242, 8000, 'end'), lo_put(4242, 9000, '\\x000000')");
  expect(sameLargeObjects(before, await read("pieces"))).toBe(false);
});

test("what was hashed by the method before is compared by it", async () => {
  const server = await sharedServer(15);
  await server.createDatabase("beginnings");
  await server.sql("beginnings", "select lo_from_bytea(7, 'as ever')");
  const expected = { count: 1, hash: "ebe66af26ad253ab" };
  const found = await read("beginnings", { asIn: expected });
  expect(found).toEqual(expected);
  expect(sameLargeObjects(expected, found)).toBe(true);
  expect(sameLargeObjects(expected, await read("beginnings"))).toBeUndefined();
});
