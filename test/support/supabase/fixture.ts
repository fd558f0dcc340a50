/** fixtures/supabase/*.sql in the order in which the platform, and then a user, make a project. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { quoteIdentifier } from "../../../src/postgres/identifiers.ts";

export const imitated = ["vault", "cron", "net", "graphql"] as const;
/** `pgmq`: a project's owner enables it. */
export type Imitated = (typeof imitated)[number] | "pgmq";

export type SqlRunner = (text: string, database: string) => Promise<unknown>;

export function fixture(name: string): Promise<string> {
  return readFile(join(import.meta.dirname, "../../fixtures/supabase", `${name}.sql`), "utf8");
}

export async function runFixture(runner: SqlRunner, name: string, database: string): Promise<void> {
  const text = await fixture(name);
  try {
    await runner(text.replaceAll(" database postgres ", ` database ${quoteIdentifier(database)} `), database);
  } catch (cause) {
    throw new Error(`${name}.sql failed: ${String(cause)}`, { cause });
  }
}

/** What the platform makes, in a cluster that has the roles. `extensionName`: they are extensions, not plain schemas. */
export async function shapePlatform(
  asAdmin: SqlRunner,
  database: string,
  created: readonly Imitated[],
  extensionName?: (name: Imitated) => string,
): Promise<void> {
  await runFixture(asAdmin, "platform", database);
  for (const name of created) {
    if (extensionName === undefined || name === "vault") await asAdmin(`create schema ${name}`, database);
    if (extensionName === undefined) await runFixture(asAdmin, name, database);
    else await asAdmin(`create extension ${extensionName(name)}`, database);
    await runFixture(asAdmin, `${name}-grants`, database);
  }
  if (created.includes("net")) await runFixture(asAdmin, "functions", database);
}

/** A user's project. Its roles are the cluster's: once only. */
export async function fillProject(
  { asAdmin, asPostgres }: { readonly asAdmin: SqlRunner; readonly asPostgres: SqlRunner },
  database: string,
  created: readonly Imitated[],
): Promise<void> {
  if (!created.includes("net")) throw new Error("The project has a webhook: imitate net as well.");
  await runFixture(asAdmin, "project-before", database);
  await runFixture(asPostgres, "project", database);
  if (created.includes("vault")) await runFixture(asPostgres, "project-vault", database);
  if (created.includes("cron")) await runFixture(asPostgres, "project-cron", database);
  await runFixture(asAdmin, "project-after", database);
}
