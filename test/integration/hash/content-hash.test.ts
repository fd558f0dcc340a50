import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Sql } from "../../../src/postgres/client.ts";
import {
  contentHashSql,
  type HashedTable,
  knownAnswersHold,
  linesAreHashable,
  type TableHash,
} from "../../../src/postgres/content-hash.ts";
import { sessionSettings } from "../../../src/postgres/session-settings.ts";
import { hashTextExtended } from "../../../src/postgres/hashtext-extended.ts";
import { quoteIdentifier } from "../../../src/postgres/identifiers.ts";
import { loadNastyDatabase } from "../../support/nasty-database.ts";
import { clientBinDir, majorsAvailable } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-server.ts";
import {
  archiveHashes,
  hashedTables,
  hashTable,
  sqlHashes,
  withHashClient,
} from "../../support/table-hashes.ts";

const [major] = await majorsAvailable([15]);

async function urlOf(database: string): Promise<string> {
  const server = await sharedServer(major!);
  await server.createDatabase(database);
  return server.url(database);
}

async function tableNamed(sql: Sql, name: string): Promise<HashedTable> {
  const table = (await hashedTables(sql)).find((candidate) => candidate.name === name);
  if (table === undefined) throw new Error(`no table ${name}`);
  return table;
}

async function hashNamed(sql: Sql, name: string): Promise<TableHash> {
  return hashTable(sql, await tableNamed(sql, name));
}

/** The table's hash as it would be after `change`, which is undone. */
async function hashAfter(sql: Sql, name: string, change: string): Promise<string> {
  await sql.query("begin");
  await sql.query(change);
  const { hash } = await hashNamed(sql, name);
  await sql.query("rollback");
  return hash;
}

describe.skipIf(major === undefined)("lifeboat-1 in SQL", () => {
  test("sees one changed value in every column of every type", async () => {
    const server = await sharedServer(major!);
    await loadNastyDatabase(server, "nasty");
    await withHashClient(server.url("nasty"), async (sql) => {
      const zoo = await tableNamed(sql, "zoo");
      expect(zoo.columns.length).toBeGreaterThan(60);
      const before = await hashTable(sql, zoo);
      const seen = new Set([before.hash]);
      for (const { name } of zoo.columns) {
        if (name === "id") continue;
        const column = quoteIdentifier(name);
        for (const source of [`(select ${column} from types.zoo where id = 2)`, "null"]) {
          seen.add(await hashAfter(sql, "zoo", `update types.zoo set ${column} = ${source} where id = 1`));
        }
      }
      expect(seen.size).toBe(1 + 2 * (zoo.columns.length - 1));
      expect(await hashTable(sql, zoo)).toEqual(before);
    });
  });

  test("sees a cell trade places with another row's, a lost row, a doubled row", async () => {
    await withHashClient(await urlOf("moved"), async (sql) => {
      await sql.query(`create table public.cells as
        select n as id, 'a' || n as a, 'b' || n % 7 as b from pg_catalog.generate_series(1, 100) n`);
      const { hash } = await hashNamed(sql, "cells");
      const changes = [
        "update public.cells set a = case id when 1 then 'a2' else 'a1' end where id in (1, 2)",
        "update public.cells set a = b, b = a",
        "delete from public.cells where id = 50",
        "insert into public.cells select * from public.cells where id = 50",
        "insert into public.cells select * from public.cells where id = 50 union all select * from public.cells where id = 50",
        "update public.cells set id = 1, a = 'a1', b = 'b1' where id = 2",
        "alter table public.cells rename b to c",
      ];
      const hashes = [hash];
      for (const change of changes) hashes.push(await hashAfter(sql, "cells", change));
      expect(new Set(hashes).size).toBe(hashes.length);
    });
  });

  test("does not see the order of rows or columns, dropped or generated columns", async () => {
    await withHashClient(await urlOf("orders"), async (sql) => {
      await sql.query(`create table public.plain as
          select n as id, 'a' || n as a, n / 3.0 as b from pg_catalog.generate_series(1, 100) n;
        create table public.reordered (gone int, b numeric, double_id int generated always as (id * 2) stored, a text, id int);
        insert into public.reordered (b, a, id) select b, a, id from public.plain order by pg_catalog.md5(a);
        alter table public.reordered drop column gone;`);
      expect(await hashNamed(sql, "reordered")).toEqual(await hashNamed(sql, "plain"));
    });
  });

  test("counts own rows only, and those of an extension's condition", async () => {
    await withHashClient(await urlOf("own"), async (sql) => {
      await sql.query(`create table public.parent (id int, "where" text);
        create table public.child () inherits (public.parent);
        insert into public.parent values (1, 'x'), (2, 'y'); insert into public.child values (3, 'z');
        create table public.chosen as select * from only public.parent where id = 2;`);
      const parent = await tableNamed(sql, "parent");
      expect((await hashTable(sql, parent)).rows).toBe(2);
      const chosen = await hashTable(sql, {
        ...parent,
        condition: "WHERE parent.id = 2 AND \"where\" <> 'x'",
      });
      expect(chosen).toEqual(await hashNamed(sql, "chosen"));
    });
  });

  test("fails where row security hides rows, and does not count what is left", async () => {
    const server = await sharedServer(major!);
    await server.createDatabase("hidden");
    await server.sql(
      "hidden",
      `create role limited login password 'limited';
       create table public.mine as select n as id from generate_series(1, 9) n;
       alter table public.mine enable row level security;
       create policy few on public.mine using (id < 3);
       grant select on public.mine to limited`,
    );
    const url = new URL(server.url("hidden"));
    url.username = url.password = "limited";
    await withHashClient(url.href, async (sql) => {
      await expect(hashNamed(sql, "mine")).rejects.toThrow(/row-level security/);
    });
  });

  test("does not print money as the database does", async () => {
    const server = await sharedServer(major!);
    await server.createDatabase("money");
    await server.sql("money", "alter database money set lc_monetary = 'C.UTF-8'");
    await withHashClient(server.url("money"), async (sql) => {
      // This machine may have no locale that prints another money; the setting must hold nevertheless.
      expect((await sql.query("show lc_monetary")).rows).toEqual([{ lc_monetary: "C" }]);
    });
  });

  test("no column can take the place of a name that the query uses", async () => {
    // The query's own words, as names of columns and of the table: if any of them caught one, hashes would differ.
    const words = contentHashSql({ schema: "public", name: "x", columns: [{ name: "y", textual: false }] });
    const names = [...new Set(words.match(/[a-z_]\w*/g))];
    expect(names.length).toBeGreaterThan(15);
    await withHashClient(await urlOf("captured"), async (sql) => {
      const columns = names.map((name) => `${quoteIdentifier(name)} text default ${sql.escapeLiteral(name)}`);
      await sql.query(`create table public."plain name" (${columns.join(", ")}, id int);
        insert into public."plain name" (id) values (1), (2), (null)`);
      const plain = await hashNamed(sql, "plain name");
      expect(plain.rows).toBe(3);
      for (const name of names) {
        await sql.query(`create table public.${quoteIdentifier(name)} as select * from public."plain name"`);
        expect(await hashNamed(sql, name)).toEqual(plain);
      }
    });
  });

  test("takes the largest number of columns", async () => {
    await withHashClient(await urlOf("widest"), async (sql) => {
      const columns = Array.from({ length: 1600 }, (_, index) => `c${index} bool default true`);
      await sql.query(
        `create table public.widest (${columns.join(", ")}); insert into public.widest default values`,
      );
      expect((await hashNamed(sql, "widest")).rows).toBe(1);
    });
  });

  test("takes random values of hostile characters as the archive does", async () => {
    const binDir = await clientBinDir(major!);
    const url = await urlOf("fuzzed");
    const text = fc.string({
      unit: fc.oneof(
        fc.constantFrom(
          "\\",
          "N",
          ".",
          "\n",
          "\t",
          "\r",
          "\b",
          "\f",
          "\v",
          "\x01",
          "\x7f",
          "'",
          '"',
          "{",
          "}",
          ",",
          "0",
          "x",
          " ",
          "ü",
        ),
        fc
          .string({ unit: "binary", minLength: 1, maxLength: 1 })
          .filter((unit) => unit !== "\0" && unit.isWellFormed()),
      ),
      maxLength: 60,
    });
    await withHashClient(url, async (sql) => {
      await sql.query(
        `create table public.fuzz (t text, v varchar, c char(100), a text[], j json, b bytea, n name)`,
      );
      for (const seed of [1, 2, 3]) {
        const rows = fc.sample(
          fc.tuple(text, fc.option(text), fc.array(text), fc.uint8Array({ maxLength: 50 })),
          { seed, numRuns: 500 },
        );
        for (const [t, v, a, b] of rows) {
          await sql.query(
            `insert into public.fuzz select $1, $2, pg_catalog.substr($1, 1, 100), $3, pg_catalog.to_json($1::text), $4, pg_catalog.substr($1, 1, 15)`,
            [t, v, a, Buffer.from(b)],
          );
        }
        const fromSql = await sqlHashes(url);
        expect(fromSql.get("public\0fuzz")?.rows).toBe(500 * seed);
        if (binDir !== undefined) expect(await archiveHashes(url, binDir)).toEqual(fromSql);
      }
    });
  });

  test("says where it does not apply: another encoding, another function", async () => {
    const server = await sharedServer(major!);
    for (const name of ["latin a", "latin b"]) {
      await server.createDatabase(name, { encoding: "LATIN1", locale: "C" });
      await server.sql(
        name,
        "create table public.words as select 'Ünï' || n as word from generate_series(1, 9) n",
      );
    }
    await withHashClient(server.url("latin a"), async (sql) => {
      expect(await linesAreHashable(sql)).toBe(false);
      expect(await knownAnswersHold(sql)).toBe(true);
    });
    expect(await sqlHashes(server.url("latin b"))).toEqual(await sqlHashes(server.url("latin a")));
    const stranger = { query: () => Promise.resolve({ rows: [{ server_encoding: "UTF8", hash: "1" }] }) };
    expect(await knownAnswersHold(stranger as unknown as Sql)).toBe(false);
  });
});

describe.each(await majorsAvailable())("PostgreSQL %i", (major) => {
  test("hashes text as we do: all lengths, all kinds of seeds", async () => {
    const server = await sharedServer(major);
    await withHashClient(server.url(), async (sql) => {
      await sql.query(sessionSettings);
      expect(await linesAreHashable(sql)).toBe(true);
      expect(await knownAnswersHold(sql)).toBe(true);
      const unit = fc.oneof(
        fc.constantFrom("a", "ü", "😀", "\x7f", "\u07ff"),
        fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }),
      );
      const texts = Array.from({ length: 201 }, (_, length) =>
        fc.sample(fc.string({ unit, minLength: length, maxLength: length }), { numRuns: 25, seed: length }),
      )
        .flat()
        .map((text) => text.replaceAll("\0", ""));
      const seeds = fc.sample(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), {
        numRuns: texts.length,
        seed: 7,
      });
      seeds.splice(0, 6, 0n, -1n, 1n, 2n ** 32n, -(2n ** 63n), 2n ** 31n);
      const { rows } = await sql.query<{ hash: string }>(
        `select pg_catalog.hashtextextended(t collate "C", s)::text as hash
         from rows from (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::bigint[])) with ordinality as given (t, s, n) order by n`,
        [texts, seeds.map(String)],
      );
      expect(rows.length).toBe(5025);
      expect(rows.map((row) => row.hash)).toEqual(
        texts.map((text, index) => String(hashTextExtended(text, seeds[index]!))),
      );
    });
  });
});
