/**
 * A Supabase-shaped cluster on a stock server: fixtures/supabase/*.sql. Its superuser is supabase_admin; postgres is
 * none. What only supautils allows postgres on the platform, supabase_admin does here.
 */
import { rm } from "node:fs/promises";
import { quoteLiteral } from "../../../src/postgres/identifiers.ts";
import { type Row, startServer, type TestServer } from "../servers.ts";
import { fillProject, fixture, type Imitated, imitated, runFixture, shapePlatform } from "./fixture.ts";
import { serverWithExtensions, type TestExtension } from "./with-extensions.ts";

export interface SupabaseOptions {
  readonly major: 15 | 17;
  /** Default privileges: `classic` grants postgres' new tables in public to the API roles, `2026` does not. */
  readonly era?: "classic" | "2026";
  /** Tables storage.buckets_vectors and storage.vector_indexes, which postgres may only read. */
  readonly withVectors?: boolean;
  /** Auth of a later release: more columns and a table. */
  readonly newerAuth?: boolean;
  /** Default: all. They are imitated by plain schemas; vault and cron have their exact rights. */
  readonly imitate?: readonly Imitated[];
  /** Those of `imitate` are real extensions, which stock servers do not have. Default: plain schemas. */
  readonly asExtensions?: boolean;
  /** With `asExtensions`: there to be created, and not created. supautils' part is played by `trusted`. */
  readonly offer?: readonly Imitated[];
  /** Server settings. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface SupabaseCluster {
  readonly server: TestServer;
  /** URL over TCP on 127.0.0.1 of `postgres`, who is no superuser; or of supabase_admin. */
  url(database?: string, role?: "postgres" | "supabase_admin"): string;
  /** Runs statements as postgres over the socket; rows of the last one. */
  asPostgres(text: string, database?: string): Promise<Row[]>;
  /** Runs statements as supabase_admin, the superuser. */
  asAdmin(text: string, database?: string): Promise<Row[]>;
  /** Another database shaped by the platform, owned by postgres, without a project. */
  createPlatform(database: string): Promise<void>;
  /** Fills a database (default `postgres`) with a user's project. The project's roles are the cluster's: once only. */
  fillProject(database?: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the server and shapes its database `postgres`. */
export async function supabaseCluster(options: SupabaseOptions): Promise<SupabaseCluster> {
  const created = options.imitate ?? imitated;
  const programs =
    options.asExtensions === true
      ? await serverWithExtensions(
          options.major,
          await Promise.all([...created.map(extensionOf), ...(options.offer ?? []).map(offeredExtension)]),
          Object.values(extensions).map(({ name }) => name),
        )
      : undefined;
  const server = await startServer(options.major, {
    superuser: "supabase_admin",
    ...(programs === undefined ? {} : { binDir: programs.binDir }),
    ...(options.settings === undefined ? {} : { settings: options.settings }),
  });
  const asAdmin = (text: string, database = "postgres"): Promise<Row[]> => server.sql(database, text);
  const asPostgres = (text: string, database = "postgres"): Promise<Row[]> =>
    server.sql(database, text, "postgres");
  const stop = async (): Promise<void> => {
    await server.stop();
    if (programs !== undefined) await rm(programs.folder, { recursive: true });
  };
  const shape = async (database: string): Promise<void> => {
    const extensionName = programs === undefined ? undefined : (name: Imitated) => extensions[name].name;
    await shapePlatform(asAdmin, database, created, extensionName);
    if (options.withVectors === true) await runFixture(asAdmin, "vectors", database);
    if (options.newerAuth === true) await runFixture(asAdmin, "newer-auth", database);
    if (options.era === "2026") await runFixture(asAdmin, "era-2026", database);
  };
  try {
    await runFixture(asAdmin, "roles", "postgres");
    await asAdmin(
      `alter role postgres password ${quoteLiteral(server.password)}; alter database postgres owner to postgres`,
    );
    await shape("postgres");
  } catch (cause) {
    await stop();
    throw cause;
  }
  return {
    server,
    url: (database = "postgres", role = "postgres") =>
      server.url(database).replace(`//${server.superuser}:`, `//${role}:`),
    asPostgres,
    asAdmin,
    async createPlatform(database) {
      await server.createDatabase(database, { owner: "postgres" });
      await shape(database);
    },
    fillProject: (database = "postgres") => fillProject({ asAdmin, asPostgres }, database, created),
    stop,
  };
}

/** The fixture's passwords of roles that may log in. */
export const projectPasswords = {
  app_reader: `reader's "pass" word`,
  app_writer: "writer",
  app_robot: "a robot's passphrase",
} as const;

/** Their true names, where their objects go, and whose rows a dump has. */
const extensions: Readonly<
  Record<Imitated, Omit<TestExtension, "sql"> & { readonly before: string; readonly after: string }>
> = {
  vault: {
    name: "supabase_vault",
    control: "schema = vault",
    before: "",
    after: "select pg_catalog.pg_extension_config_dump('vault.secrets', '');",
  },
  cron: {
    name: "pg_cron",
    control: "schema = pg_catalog",
    before: "create schema cron;",
    after: `select pg_catalog.pg_extension_config_dump('cron.job', '');
      select pg_catalog.pg_extension_config_dump('cron.jobid_seq', '');`,
  },
  // As the real one: its control file names no schema.
  net: { name: "pg_net", control: "", before: "create schema net;", after: "" },
  pgmq: { name: "pgmq", control: "schema = pgmq\nsuperuser = false", before: "", after: "" },
  graphql: { name: "pg_graphql", control: "schema = graphql", before: "", after: "" },
};

/** The platform's event triggers and scripts give these rights, which here are part of the extension. */
async function offeredExtension(name: Imitated): Promise<TestExtension> {
  const { control, sql, ...named } = await extensionOf(name);
  if (name === "pgmq") return { control, sql, ...named };
  const grants = (await fixture(`${name}-grants`)).replaceAll("supabase_functions_admin, ", "");
  return { ...named, control: `${control}\ntrusted = true`, sql: `${sql}\n${grants}` };
}

async function extensionOf(name: Imitated): Promise<TestExtension> {
  const { before, after, ...named } = extensions[name];
  return {
    ...named,
    sql: `${before}
${await fixture(name)}
${after}
`,
  };
}
