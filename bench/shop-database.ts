/** A shop's database of any size: wide and narrow tables, JSON, long texts, indexes, keys between tables. */
import type { TestServer } from "../test/support/servers.ts";

export interface ShopDatabase {
  readonly name: string;
  /** Megabytes of rows, TOAST included, without indexes. */
  readonly tableMb: number;
  readonly indexMb: number;
  readonly tables: number;
  readonly rows: number;
}

export interface ShopOptions {
  readonly sizeMb: number;
  /** Indexes and foreign keys, which only a restore feels. */
  readonly indexes: boolean;
}

/** Settings that make a server fill quickly and stay quiet while others are measured. */
export const quietServer = {
  shared_buffers: "512MB",
  max_wal_size: "8GB",
  wal_level: "minimal",
  max_wal_senders: "0",
  autovacuum: "off",
  checkpoint_timeout: "1h",
  maintenance_work_mem: "128MB",
};

/**
 * Texts that compress like prose (about three to one): words of a skewed vocabulary. Rows cut theirs from this pool;
 * it is larger than zstd's and gzip's windows, so that they do not find a row's source again.
 */
const pool = `
  create function pg_temp.word(k bigint) returns text language sql immutable as
    $$ select substr(translate(md5(k::text), '0123456789', 'etaoinshrl'), 1, 2 + (k % 9)::int) $$;
  create table text_pool as
    select id, (select string_agg(pg_temp.word((power(random(), 3) * 6000)::bigint), ' ')
                from generate_series(1, 120 + id % 2)) as body
    from generate_series(0, 16383) id;
  alter table text_pool add primary key (id);
  analyze text_pool;`;

const text = (key: string, length: string): string =>
  `(select substr(p.body, 1 + (hashint8(${key}) & 255), ${length}) from text_pool p where p.id = (hashint8(${key} + 7) & 16383))`;

interface Filling {
  /** Rows for one megabyte of it. */
  readonly rowsPerMb: number;
  /** Of the whole database. */
  readonly share: number;
  readonly table: string;
  readonly select: string;
  readonly indexes: readonly string[];
}

const fillings: readonly Filling[] = [
  {
    table: `articles (id bigint, title text, body text, tags text[], published timestamptz)`,
    share: 0.25,
    rowsPerMb: 560,
    select: `select g, initcap(left(body, 60)), body || ' ' || more || ' ' || again, string_to_array(left(more, 30), ' '), moment
      from (select g, ${text("g", "600")} as body, ${text("g * 3", "600")} as more, ${text("g * 5", "400")} as again,
                   timestamptz '2024-01-01' + g * interval '37 seconds' as moment
            from generate_series(1::bigint, $rows) g) drawn`,
    indexes: ["alter table articles add primary key (id)", "create index on articles (published)"],
  },
  {
    table: `events (id bigint, occurred timestamptz, payload jsonb)`,
    share: 0.25,
    rowsPerMb: 2100,
    select: `select g, timestamptz '2025-01-01' + g * interval '1 second', jsonb_build_object(
        'type', (array['viewed','added','paid','shipped','returned'])[1 + (g % 5)::int], 'session', md5(g::text),
        'user', hashint8(g), 'path', '/shop/' || (g % 9973), 'note', ${text("g", "180")},
        'device', jsonb_build_object('os', 'Android ' || g % 15, 'width', 320 + g % 1000), 'items', to_jsonb(array[g % 7, g % 11, g % 13]))
      from generate_series(1::bigint, $rows) g`,
    indexes: [
      "alter table events add primary key (id)",
      "create index on events ((payload->>'type'), occurred)",
    ],
  },
  {
    table: `customers (id bigint, email text, first_name text, last_name text, street text, city text, zip char(5), country varchar(2),
      phone text, born date, registered timestamptz, token uuid, balance numeric(12,2), points integer, vip boolean, note text,
      settings json, latitude double precision, longitude double precision, newsletter boolean)`,
    share: 0.2,
    rowsPerMb: 2200,
    select: `select g, 'customer' || g || '@example.org', initcap(left(note, 7)), initcap(substr(note, 20, 9)), substr(note, 30, 18) || ' ' || g % 300,
        substr(note, 50, 12), lpad((g % 99999)::text, 5, '0'), (array['DE','FR','IN','US'])[1 + (g % 4)::int], '+49 ' || abs(hashint8(g)),
        date '1950-01-01' + (g % 20000)::int, timestamptz '2020-01-01' + g * interval '1 minute', md5(g::text)::uuid,
        (g % 100000) / 7.0, g % 1000, g % 9 = 0, note, json_build_object('theme', 'dark', 'page', g % 50), 48 + (g % 9999) / 1e4, 11 + (g % 7777) / 1e4,
        case when g % 3 = 0 then null else g % 2 = 0 end
      from (select g, ${text("g", "120")} as note from generate_series(1::bigint, $rows) g) drawn`,
    indexes: ["alter table customers add primary key (id)", "create unique index on customers (email)"],
  },
  {
    table: `orders (id bigint, customer_id bigint, placed timestamptz, status text, total numeric(10,2), currency char(3))`,
    share: 0.15,
    rowsPerMb: 12_000,
    select: `select g, 1 + g % $customers, timestamptz '2023-01-01' + g * interval '9 seconds',
        (array['open','paid','shipped','returned'])[1 + (g % 4)::int], (hashint8(g) & 65535) / 10.0, 'EUR'
      from generate_series(1::bigint, $rows) g`,
    indexes: [
      "alter table orders add primary key (id)",
      "create index on orders (customer_id)",
      "alter table orders add foreign key (customer_id) references customers (id)",
    ],
  },
  {
    table: `order_items (order_id bigint, position integer, product_id integer, quantity integer, price integer)`,
    share: 0.15,
    rowsPerMb: 18_500,
    select: `select 1 + (g / 3) % $orders, (g % 3)::int, hashint8(g) & 32767, 1 + (g % 5)::int, hashint8(g + 1) & 16383
      from generate_series(1::bigint, $rows) g`,
    indexes: ["create index on order_items (order_id)"],
  },
];

const smallTables = 40;

export async function createShop(
  server: TestServer,
  { sizeMb, indexes }: ShopOptions,
): Promise<ShopDatabase> {
  const name = `shop_${sizeMb}`;
  await server.createDatabase(name);
  await server.sql(name, `set synchronous_commit = off; ${pool}`);
  const rowsOf = (table: string): string => {
    const filling = fillings.find((one) => one.table.startsWith(`${table} `));
    return String(Math.ceil(sizeMb * (filling?.share ?? 0) * (filling?.rowsPerMb ?? 0)));
  };
  const work = fillings.map((filling) => async (): Promise<void> => {
    const table = filling.table.slice(0, filling.table.indexOf(" "));
    const select = filling.select
      .replaceAll("$rows", rowsOf(table))
      .replaceAll("$customers", rowsOf("customers"))
      .replaceAll("$orders", rowsOf("orders"));
    // A table made in the transaction that fills it writes no log.
    await server.sql(name, `begin; create table ${filling.table}; insert into ${table} ${select}; commit`);
  });
  await twoAtOnce(work);
  await server.sql(name, "drop table text_pool");
  await server.sql(name, smallTablesSql());
  if (indexes) for (const filling of fillings) await server.sql(name, filling.indexes.join(";"));
  // Visibility is settled once, so that no contender's first read pays for it.
  await server.sql(name, "vacuum (freeze, analyze)");
  await server.sql(name, "checkpoint");
  return await describeShop(server, name);
}

function smallTablesSql(): string {
  const one = (index: number): string =>
    `create table lookup_${index} (id integer primary key, label text, sort integer);
     insert into lookup_${index} select g, 'label ' || g, g % 10 from generate_series(1, ${10 + index * 7}) g`;
  return Array.from({ length: smallTables }, (_, index) => one(index)).join(";");
}

async function describeShop(server: TestServer, name: string): Promise<ShopDatabase> {
  const [totals] = await server.sql(
    name,
    `select sum(pg_table_size(oid)) / 1048576 as table_mb, sum(pg_indexes_size(oid)) / 1048576 as index_mb, count(*) as tables,
       sum(reltuples)::int8 as rows from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`,
  );
  const number = (column: string): number => Math.round(Number(totals?.[column]));
  return {
    name,
    tableMb: number("table_mb"),
    indexMb: number("index_mb"),
    tables: number("tables"),
    rows: number("rows"),
  };
}

async function twoAtOnce(work: readonly (() => Promise<void>)[]): Promise<void> {
  const waiting = [...work];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next();
  };
  await Promise.all([worker(), worker()]);
}
