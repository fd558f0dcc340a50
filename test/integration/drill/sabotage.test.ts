/** Each way in which a backup can be wrong without a single bad byte fails a drill, with the sentence that says why. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DatabaseContents } from "../../../src/snapshot/contents.ts";
import type { SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { majorsWithClients, type TestServer } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { backUp, connectionTo, newSafe, type Safe } from "../backup/backing-up.ts";
import { claimContents, drill, troubles } from "./drilling.ts";

const majors = await majorsWithClients([15, 17]);

const shop = `
  create role shop_reader;
  create schema shop;
  create table shop.customers (id int primary key, name text not null);
  create table shop.orders (id serial primary key, customer int references shop.customers, total numeric not null);
  create index orders_by_customer on shop.orders (customer);
  insert into shop.customers select i, 'customer ' || i from generate_series(1, 50) i;
  insert into shop.orders (customer, total) select i % 50 + 1, i + 0.25 from generate_series(1, 500) i;
  alter table shop.orders enable row level security;
  create policy own_orders on shop.orders for select to shop_reader using (customer = 7);
  grant usage on schema shop to shop_reader;
  grant select on shop.orders to shop_reader`;

/** An order of its own that turns round as soon as amcheck is there: immutable, it claims. */
const shiftyIndex = `
  create function shop.shifty(one int, other int) returns int language sql immutable as $$
    select case when exists (select from pg_catalog.pg_extension where extname = 'amcheck')
      then pg_catalog.btint4cmp(other, one) else pg_catalog.btint4cmp(one, other) end $$;
  create operator class shop.shifty_order for type int using btree as
    operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 shop.shifty(int, int);
  create index orders_shifty on shop.orders (customer shop.shifty_order)`;

/** A function that claims to be immutable works mischief when the restored tables are analyzed, after all is loaded. */
const mischief = (statement: string): string => `
  create function shop.mischief() returns void language plpgsql as $$ begin ${statement}; end $$;
  create function shop.harmless(id int) returns int language plpgsql immutable as $$
    begin perform shop.mischief(); return id; end $$;
  create index harmless_index on shop.customers (shop.harmless(id))`;

const sabotages: readonly (readonly [what: string, sql: string, trouble: string])[] = [
  [
    "one row changed",
    "update shop.orders set total = total + 1 where id = 77",
    `rows: content-differs: Table "shop"."orders" has all 500 rows, but their content differs.`,
  ],
  [
    "a policy dropped",
    "drop policy own_orders on shop.orders",
    "policy: policy-missing: The policy shop.orders own_orders was not restored.",
  ],
  [
    "a grant widened",
    "grant insert, delete on shop.orders to shop_reader",
    "acl: acl-differs: The acl relation shop.orders differs: ",
  ],
  [
    "an index missing",
    "drop index shop.orders_by_customer",
    "index: index-missing: The index shop.orders_by_customer was not restored.",
  ],
];

describe.skipIf(majors.length === 0).each(majors)("PostgreSQL %i", (major) => {
  let safe: Safe;
  let server: TestServer;
  let honest: SnapshotJson;

  beforeAll(async () => {
    safe = await newSafe();
    server = await sharedServer(major);
    await server.createDatabase("shop_template");
    await server.sql("shop_template", shop);
    honest = (await backUp(safe, connectionTo(server, "shop_template"), { source: "honest" })).snapshot;
  });
  afterAll(async () => await safe[Symbol.asyncDispose]());

  let copies = 0;
  async function backUpOf(sql: string): Promise<SnapshotJson> {
    copies += 1;
    const [name, source] = [`shop_${copies}`, `source-${copies}`];
    await server.sql("postgres", `create database ${name} template shop_template`);
    if (sql !== "") await server.sql(name, sql);
    const { snapshot } = await backUp(safe, connectionTo(server, name), { source });
    await server.sql("postgres", `drop database ${name}`);
    return snapshot;
  }
  /** A backup whose dump was made after the sabotage, and whose contents before. */
  async function sabotaged(
    sql: string,
    change?: (database: DatabaseContents) => DatabaseContents,
  ): Promise<string> {
    const lying = await backUpOf(sql);
    await claimContents(safe, lying, honest, change);
    return lying.source;
  }
  const drillOf = (name: string, more: Parameters<typeof drill>[2] = {}) =>
    drill("restoration", safe, { sources: [{ name, kind: "database" }], ...more });

  test("an untouched backup passes, and the forging by itself fails nothing", async () => {
    const report = await drillOf(await sabotaged(""));
    expect(troubles(report)).toEqual([]);
    expect(report.verdict).toBe("passed");
    const components = report.sources[0]?.examined.components.map(({ component }) => component);
    expect(components).toEqual(
      expect.arrayContaining([
        "tables",
        "sequences",
        "policy",
        "acl",
        "index",
        "constraint",
        "index-structure",
      ]),
    );
  });

  test.each(sabotages)("%s fails it", async (_, sql, trouble) => {
    const report = await drillOf(await sabotaged(sql));
    expect(report.verdict).toBe("failed");
    expect(troubles(report)).toEqual([expect.stringContaining(trouble)]);
  });

  test("a sequence set back fails it", async () => {
    const setBack = mischief("perform pg_catalog.setval('shop.orders_id_seq', 400)");
    const { source } = await backUpOf(`${setBack}; select setval('shop.orders_id_seq', 500)`);
    const report = await drillOf(source);
    expect(report.verdict).toBe("failed");
    expect(troubles(report)).toEqual([
      `sequences: sequence-behind: Sequence "shop"."orders_id_seq" stands at 400, before 500.`,
    ]);
  });

  test("a sequence set back in the dump alone is put right by the restore", async () => {
    const report = await drillOf(await sabotaged("select setval('shop.orders_id_seq', 400)"));
    expect(troubles(report)).toEqual([]);
  });

  test("an index that is not valid fails it", async () => {
    // The function runs while the restore builds indexes too, perhaps before this one is there.
    const validity = (valid: boolean): string =>
      `update pg_catalog.pg_index set indisvalid = ${valid} where indexrelid = pg_catalog.to_regclass('shop.orders_by_customer')`;
    const { source } = await backUpOf(`${mischief(validity(false))}; ${validity(true)}`);
    // Catalogs are changed by superusers only, and nothing of a backup is one: the restore itself is refused.
    const confined = await drillOf(source);
    expect(confined.verdict).toBe("not-verified");
    const report = await drillOf(source, { trustContents: true });
    expect(report.verdict).toBe("failed");
    expect(troubles(report)).toEqual([
      "index: index-missing: The index shop.orders_by_customer was not restored.",
      "index-structure: index-invalid: The index shop.orders_by_customer is not valid after the restore.",
    ]);
  });

  test("an index that does not hold together fails it", async () => {
    const { source } = await backUpOf(shiftyIndex);
    const report = await drillOf(source);
    expect(report.verdict).toBe("failed");
    expect(troubles(report)).toEqual([
      expect.stringMatching(
        /^index-structure: index-damaged: The index shop\.orders_shifty does not hold together: /,
      ),
    ]);
  });

  test("a failing SQL check fails it; names and values stay out of what everybody reads", async () => {
    const check = (name: string, sql: string, expect: string) => ({ name, sql, expect });
    const report = await drillOf(honest.source, {
      checks: [
        check("orders", "select count(*) from shop.orders", "500"),
        check("revenue", "select sum(total) from shop.orders", "1"),
        check("nobody is nameless", "select not exists (select from shop.customers where name = '')", "true"),
        { ...check("elsewhere", "select 1", "2"), source: "another" },
      ],
    });
    expect(report.verdict).toBe("failed");
    expect(troubles(report)).toEqual([
      `checks: check-failed: The policy's check "revenue" gave "125375.00" instead of "1".`,
    ]);
    const [finding] = report.sources[0]?.examined.components.flatMap(({ findings }) => findings) ?? [];
    expect(finding?.publicSentence).toBe(
      `The policy's check "revenue" did not give what the policy expects.`,
    );
  });

  test("a missing extension makes that part not verified, and nothing failed", async () => {
    const imaginary = { name: "imaginary", version: "1.0", schema: "public" };
    const source = await sabotaged("", (database) => ({
      ...database,
      extensions: [...database.extensions, imaginary],
    }));
    const report = await drillOf(source);
    expect(report.verdict).toBe("not-verified");
    const components = report.sources[0]?.examined.components ?? [];
    const unproven = components.filter(({ verdict }) => verdict !== "passed");
    expect(unproven.map(({ verdict }) => verdict)).toEqual(["not-verified"]);
    // Where a restore goes on without the extension, it is the part of its own; where not, the restore is.
    expect(["restore", "extensions"]).toContain(unproven[0]?.component);
    expect(troubles(report)[0]).toContain("imaginary");
  });
});
