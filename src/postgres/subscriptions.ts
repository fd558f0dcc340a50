/** Subscriptions of logical replication: one slot at the publisher serves one database, and renaming keeps both. */
import type { CatalogObject } from "../snapshot/contents.ts";
import type { Finding } from "../verification/findings.ts";
import { type Sql, withClient } from "./client.ts";
import type { Connection } from "./connection.ts";
import { quoteIdentifier } from "./identifiers.ts";

export interface Subscription {
  readonly name: string;
  readonly isEnabled: boolean;
}

/** Of a database by its name; the catalog is the server's, and `sql` may be in any of its databases. */
export async function listSubscriptions(sql: Sql, database: string): Promise<readonly Subscription[]> {
  const { rows } = await sql.query<{ name: string; enabled: string }>(
    `select s.subname as name, s.subenabled as enabled
     from pg_catalog.pg_subscription s join pg_catalog.pg_database d on d.oid = s.subdbid
     where d.datname = $1 order by s.subname`,
    [database],
  );
  return rows.map(({ name, enabled }) => ({ name, isEnabled: enabled === "t" }));
}

/**
 * Runs `work`, which replaces the database of this oid, while none of its subscriptions is enabled: what is kept of it
 * must not go on taking from the publisher. They are enabled again where the database is still in its place.
 */
export async function withoutReplication<T>(
  sql: Sql,
  { database, oid }: { readonly database: Connection; readonly oid: string },
  work: () => Promise<T>,
): Promise<T> {
  const enabled = (await listSubscriptions(sql, database.database)).filter(({ isEnabled }) => isEnabled);
  if (enabled.length === 0) return await work();
  const alter = async (action: "enable" | "disable"): Promise<void> =>
    await withClient(database, async (inside) => {
      const here = await inside.query(
        "select from pg_catalog.pg_database where datname = pg_catalog.current_database() and oid = $1",
        [oid],
      );
      // Under the same name may be what was restored, which must stay silent.
      if (here.rowCount !== 1) return;
      // The database's own event triggers have nothing to say about this, where the role may silence them.
      await inside.query("set session_replication_role = replica").catch(() => {});
      await inside.query("begin read write");
      for (const { name } of enabled)
        await inside.query(`alter subscription ${quoteIdentifier(name)} ${action}`);
      await inside.query("commit");
    });
  try {
    await alter("disable");
    return await work();
  } catch (error) {
    // The error says how to see what became of the database; where it cannot be reached, nothing can be enabled.
    await alter("enable").catch(() => {});
    throw error;
  }
}

/** What a person has to do about subscriptions after a restore; `keptDatabase` is what was replaced. */
export async function subscriptionFindings(
  sql: Sql,
  restored: Connection,
  keptDatabase: string | undefined,
): Promise<readonly Finding[]> {
  const names = (await listSubscriptions(sql, restored.database)).map(({ name }) => quoteIdentifier(name));
  const kept = keptDatabase === undefined ? [] : await listSubscriptions(sql, keptDatabase);
  const findings: Finding[] = [];
  if (names.length > 0) {
    findings.push({
      level: "warning",
      code: "subscriptions-disabled",
      sentence: `Subscriptions were restored disabled: ${names.join(", ")}. Their slots at the publisher may be past the snapshot's moment; what was sent since then would be missing.`,
      publicSentence: `${names.length} subscriptions were restored disabled.`,
      remedy:
        "Run `ALTER SUBSCRIPTION … SET (slot_name = NONE)`, drop it, and create it anew; or enable it if the publisher still has every change since the snapshot's moment.",
    });
  }
  if (keptDatabase !== undefined && kept.length > 0) {
    findings.push({
      level: "warning",
      code: "subscriptions-kept",
      sentence: `The replaced database ${quoteIdentifier(keptDatabase)} keeps its subscriptions, disabled: ${kept.map(({ name }) => quoteIdentifier(name)).join(", ")}. Their slots hold back WAL at the publisher.`,
      publicSentence: `The replaced database keeps ${kept.length} subscriptions, disabled.`,
      remedy:
        "Before you drop that database: allow connections to it, then in it `ALTER SUBSCRIPTION … SET (slot_name = NONE)` and `DROP SUBSCRIPTION …`. Drop slots that nobody uses at the publisher.",
    });
  }
  return findings;
}

/** What a plan says of it beforehand. */
export function subscriptionsLost(objects: readonly CatalogObject[]): readonly string[] {
  return objects.some(({ kind }) => kind === "subscription")
    ? ["Subscriptions come back disabled: nothing is received until you enable them or create them anew."]
    : [];
}
