/** A subscriber of live logical replication: no copy of it disturbs the publisher, keeps a database, or goes on receiving. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  backUp,
  complaints,
  connectionTo,
  databaseContentsOf,
  newSafe,
  restore,
  type Safe,
  verify,
  verifyThrownAway,
} from "../integration/backup/backing-up.ts";
import { startServer, type TestServer } from "../support/servers.ts";

const settings = { wal_level: "logical", wal_retrieve_retry_interval: "200ms" };
let publisher: TestServer;
let subscriber: TestServer;
let safe: Safe;
let snapshot: Awaited<ReturnType<typeof backUp>>["snapshot"];

const slots = (): Promise<unknown> =>
  publisher.sql("pub", "select slot_name, confirmed_flush_lsn, active from pg_replication_slots order by 1");
const count = async (database: string): Promise<string> =>
  (await subscriber.sql(database, "select count(*) as n from visits"))[0]?.["n"] ?? "";
const databases = async (): Promise<readonly (string | null | undefined)[]> =>
  (await subscriber.sql("postgres", "select datname from pg_database order by 1")).map(
    (row) => row["datname"],
  );

async function until(server: TestServer, database: string, question: string): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    if ((await server.sql(database, `select (${question})::text as yes`))[0]?.["yes"] === "true") return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`It did not come about: ${question}`);
}

beforeAll(async () => {
  [publisher, subscriber, safe] = await Promise.all([
    startServer(15, { settings }),
    startServer(15, { settings }),
    newSafe(),
  ]);
  await publisher.createDatabase("pub");
  const visits = "create table visits (id int primary key, at timestamptz default now())";
  await publisher.sql("pub", `${visits}; insert into visits select generate_series(1, 30)`);
  await publisher.sql("pub", "create publication p for all tables");
  await subscriber.createDatabase("sub");
  const where = `host=127.0.0.1 port=${publisher.port} user=postgres dbname=pub password='${publisher.password}'`;
  await subscriber.sql("sub", visits);
  await subscriber.sql(
    "sub",
    `create subscription "The S" connection $$${where}$$ publication p with (slot_name = the_slot)`,
  );
  await subscriber.sql("sub", `comment on subscription "The S" is 'receives visits'`);
  await subscriber.sql(
    "sub",
    `create function refuse() returns event_trigger language plpgsql as 'begin raise exception ''never %'', tg_tag; end';
     create event trigger refuse on ddl_command_start when tag in ('DROP SUBSCRIPTION', 'ALTER SUBSCRIPTION') execute function refuse()`,
  );
  await until(subscriber, "sub", "select count(*) = 30 from visits");
  await until(subscriber, "sub", "select bool_and(srsubstate = 'r') from pg_subscription_rel");
  ({ snapshot } = await backUp(safe, connectionTo(subscriber, "sub")));
}, 120_000);

afterAll(async () => {
  await Promise.all([publisher.stop(), subscriber.stop(), safe[Symbol.asyncDispose]()]);
});

describe("a subscriber's backup", { timeout: 120_000 }, () => {
  test("is verified on a server of its own and on a named one, and nothing of it stays", async () => {
    const before = await databases();
    const apart = await verifyThrownAway(safe, snapshot.id);
    expect(complaints(apart)).toEqual([]);
    expect(apart.verdict).toBe("passed");
    const named = await verify(safe, snapshot.id, {
      level: "restored",
      server: connectionTo(subscriber, "postgres"),
      trustContents: true,
    });
    expect(named.verdict).toBe("passed");
    expect(await databases()).toEqual(before);
    expect(await slots()).toMatchObject([{ slot_name: "the_slot", active: "t" }]);
  });

  test("is restored beside, disabled; a failed copy is dropped, and the next restore works", async () => {
    const target = connectionTo(subscriber, "beside");
    const ordered = { target, mode: { kind: "new-database" } } as const;
    const restored = await restore(safe, snapshot.id, ordered);
    expect(restored.restored?.findings.map(({ code }) => code)).toContain("subscriptions-disabled");
    const [one] = await subscriber.sql(
      "beside",
      "select subenabled, subslotname from pg_subscription join pg_database d on d.oid = subdbid where datname = 'beside'",
    );
    expect(one).toEqual({ subenabled: "f", subslotname: "the_slot" });
    await publisher.sql("pub", "insert into visits select generate_series(31, 40)");
    await until(subscriber, "sub", "select count(*) = 40 from visits");
    expect(await count("beside")).toBe("30");
    // As a killed restore leaves it: the next run drops it, subscriptions and all, and so the name is free.
    const left = `again_new_20261123T031207Z-9f2c51e0a7b4`;
    await subscriber.sql(
      "postgres",
      `alter database beside rename to "${left}"; comment on database "${left}" is null`,
    );
    await restore(safe, snapshot.id, {
      target: connectionTo(subscriber, "again"),
      mode: { kind: "new-database" },
    });
    expect(await databases()).not.toContain(left);
    expect(await count("again")).toBe("30");
    expect(await slots()).toMatchObject([{ slot_name: "the_slot", active: "t" }]);
  });

  test("in place: the replaced database receives nothing more, and the slot stays where it was", async () => {
    const target = connectionTo(subscriber, "sub");
    const ordered = { target, mode: { kind: "in-place" }, confirm: "sub" } as const;
    const restored = await restore(safe, snapshot.id, ordered);
    const codes = restored.restored?.findings.map(({ code }) => code);
    expect(codes).toContain("subscriptions-disabled");
    expect(codes).toContain("subscriptions-kept");
    await until(publisher, "pub", "select not active from pg_replication_slots");
    const before = await slots();
    await publisher.sql("pub", "insert into visits select generate_series(41, 50)");
    expect(await subscriber.sql("postgres", "select distinct subenabled from pg_subscription")).toEqual([
      { subenabled: "f" },
    ]);
    expect(await count("sub")).toBe("30");
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await slots()).toEqual(before);
  });

  test("of a role that is no superuser lacks them, and says so", async () => {
    await subscriber.sql("postgres", "create role reader login password 'x' in role pg_read_all_data");
    const reader = connectionTo(subscriber, "again", { user: "reader", password: "x" });
    const made = await backUp(safe, reader, { source: "database" });
    expect(made.findings.filter(({ level }) => level === "warning").map(({ code }) => code)).toEqual([
      "subscriptions-not-backed-up",
    ]);
    const contents = await databaseContentsOf(safe, made.snapshot);
    expect(contents.objects.filter(({ kind }) => kind === "subscription")).toEqual([]);
    const apart = await verifyThrownAway(safe, made.snapshot.id);
    expect(apart.verdict).toBe("not-verified");
    expect(complaints(apart).join()).toContain("The S");
    if (process.env["LIFEBOAT_TRIAL"] === undefined) return;
    const waived = await verifyThrownAway(safe, made.snapshot.id, { waive: ["not-backed-up"] });
    expect(waived.verdict).toBe("passed");
  });
});
