/** The demo's database: a shop on a Supabase-like schema, from test/fixtures/demo. */
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import pg from "pg";

const folder = resolve(import.meta.dirname, "../test/fixtures/demo");

/** Creates the database `name` and fills it; `server` is a superuser's way in. */
export async function createShop(server: pg.ClientConfig, name: string): Promise<void> {
  await withClient({ ...server, database: "postgres" }, async (client) => {
    await client.query(`create database ${pg.escapeIdentifier(name)} template template0`);
  });
  await withClient({ ...server, database: name }, async (client) => {
    for (const file of (await readdir(folder)).filter((entry) => entry.endsWith(".sql")).sort()) {
      await client.query(await readFile(join(folder, file), "utf8"));
    }
  });
}

export async function withClient<T>(
  config: pg.ClientConfig,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client(config);
  // A server that goes away says so in the query that was running.
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
