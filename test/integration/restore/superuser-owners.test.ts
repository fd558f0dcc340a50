import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { TocEntry } from "../../../src/postgres/restore-toc.ts";
import { withClient } from "../../../src/postgres/client.ts";
import { giveToOwners } from "../../../src/postgres/superuser-owners.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { connectionTo } from "../backup/backing-up.ts";

const triggers = Array.from({ length: 40 }, (_, index) => `watch_${index}`);
const cuts = process.env["LIFEBOAT_TRIAL"] === undefined ? 8 : 100;

test("no session that is cut off, at whatever instant, leaves or shows a superuser; whole, the owners are right", async () => {
  const server = await sharedServer(15);
  await server.createDatabase("owned");
  await server.sql(
    "owned",
    `create role keeper nologin; create function f() returns event_trigger language plpgsql as 'begin end';
     ${triggers.map((name) => `create event trigger ${name} on ddl_command_end execute function f();`).join("\n")}`,
  );
  const entries = triggers.map((tag) => ({ kind: "EVENT TRIGGER", tag, owner: "keeper" }) as TocEntry);
  const give = () => giveToOwners(connectionTo(server, "owned"), entries, new Set(["keeper"]));
  const superusers = async (): Promise<unknown> =>
    await server.sql("postgres", "select rolname from pg_roles where rolsuper and rolname = 'keeper'");
  const owners = () =>
    server.sql("owned", "select distinct evtowner::regrole::text as o from pg_event_trigger");
  // In the middle for sure: the last of them waits for a lock.
  await withClient(connectionTo(server, "owned"), async (holder) => {
    await holder.query("set application_name = 'holder'");
    await holder.query(`begin; alter event trigger ${triggers.at(-1) ?? ""} disable`);
    const giving = give().then(
      () => false,
      () => true,
    );
    const waiting = `select pid from pg_stat_activity where application_name = 'lifeboat' and wait_event_type = 'Lock'`;
    while ((await server.sql("postgres", waiting)).length === 0) await sleep(10);
    expect(await superusers()).toEqual([]);
    await server.sql("postgres", `select pg_terminate_backend(pid) from (${waiting}) w`);
    expect(await giving).toBe(true);
    await holder.query("rollback");
  });
  expect(await superusers()).toEqual([]);
  expect(await owners()).toEqual([{ o: "postgres" }]);
  for (let cut = 0; cut < cuts; cut += 1) {
    const giving = give().then(
      () => false,
      () => true,
    );
    await sleep(10 + (cut * 60) / cuts);
    await server.sql(
      "postgres",
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lifeboat'",
    );
    expect(await superusers()).toEqual([]);
    await giving;
    expect(await superusers()).toEqual([]);
    const [first, ...others] = await owners();
    expect(others).toEqual([]);
    expect(["postgres", "keeper"]).toContain(first?.["o"]);
    await server.sql(
      "owned",
      triggers.map((name) => `alter event trigger ${name} owner to postgres`).join(";"),
    );
  }
  expect(await give()).toEqual([]);
  expect(await owners()).toEqual([{ o: "keeper" }]);
  expect(await superusers()).toEqual([]);
  const left = await giveToOwners(connectionTo(server, "owned"), entries.slice(0, 1), new Set());
  expect(left.map(({ code }) => code)).toEqual(["owner-instead"]);
});
