/**
 * Drops a database that one of our runs made. PostgreSQL drops none that has subscriptions: those go first, and by
 * themselves, without a word to the publisher, whose slots belong to the database that was backed up.
 */
import { type Sql, withClient } from "./client.ts";
import type { Connection } from "./connection.ts";
import { quoteIdentifier } from "./identifiers.ts";
import { listSubscriptions } from "./subscriptions.ts";

/** object_in_use: a subscription came while we looked (a load that was told to stop has a last word). */
const inUse = "55006";
const maxTries = 3;

/** `sql` is in another database of the same server. Sessions in it (a check that hangs) are ended. */
export async function dropDatabase(sql: Sql, database: Connection): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    await dropSubscriptions(sql, database);
    try {
      await sql.query(`drop database if exists ${quoteIdentifier(database.database)} with (force)`);
      return;
    } catch (cause) {
      if ((cause as { code?: string }).code !== inUse || tries === maxTries) throw cause;
    }
  }
}

async function dropSubscriptions(sql: Sql, database: Connection): Promise<void> {
  const subscriptions = await listSubscriptions(sql, database.database);
  if (subscriptions.length === 0) return;
  await withClient(database, async (inside) => {
    await inside.query("set default_transaction_read_only = off");
    // Who may not silence them is told by the drop, if one of them objects.
    await silenceEventTriggers(inside).catch(() => {});
    for (const { name } of subscriptions) {
      const quoted = quoteIdentifier(name);
      await inside.query(`alter subscription ${quoted} disable`);
      await inside.query(`alter subscription ${quoted} set (slot_name = none)`);
      await inside.query(`drop subscription ${quoted}`);
    }
  });
}

/** The backup's own act on whatever somebody defines or drops from here on. */
export async function silenceEventTriggers(sql: Sql): Promise<void> {
  const { rows } = await sql.query<{ name: string }>(
    "select evtname as name from pg_catalog.pg_event_trigger where evtenabled <> 'D'",
  );
  for (const { name } of rows) await sql.query(`alter event trigger ${quoteIdentifier(name)} disable`);
}
