/** Real PostgreSQL servers for tests: started in a folder of their own, gone when the test process is gone. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { quoteIdentifier, quoteLiteral } from "../../src/postgres/identifiers.ts";
import { childEnvironment } from "../../src/system/environment.ts";
import { runTool } from "../../src/system/process.ts";
import { type Major, serverBinDir } from "./postgres-programs.ts";

export {
  allMajors,
  clientBinDir,
  type Major,
  majorsAvailable,
  majorsWithClients,
} from "./postgres-programs.ts";

/** A row as text, by column name; duplicates of a name lose all but the last. */
export type Row = Readonly<Record<string, string | null>>;

export interface DatabaseOptions {
  readonly encoding?: string;
  readonly locale?: string;
  readonly owner?: string;
}

export interface ServerOptions {
  /** Server settings; they win over the ones that make tests fast. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Default C.UTF-8. */
  readonly locale?: string;
  readonly encoding?: string;
  readonly port?: number;
  /** Folder of another `initdb` and `postgres` of this major. */
  readonly binDir?: string;
  /** The first role, made by initdb. Default `postgres`. */
  readonly superuser?: string;
  /** Fills the empty data folder instead of initdb. */
  readonly copyOf?: (dataDir: string, user: ServerUser) => Promise<void>;
}

export interface TestServer {
  readonly major: Major;
  readonly port: number;
  readonly superuser: string;
  /** Asked for over TCP; the socket needs none. Full of characters that URLs must encode. */
  readonly password: string;
  /** Folder of the unix socket: a `host` for libpq and for URLs' `?host=`. */
  readonly socketDir: string;
  readonly binDir: string;
  readonly dataDir: string;
  /** Superuser's URL over TCP on 127.0.0.1. */
  url(database?: string): string;
  /** Runs statements as `user` (default: the superuser) and returns the rows of the last one. */
  sql(database: string, text: string, user?: string): Promise<Row[]>;
  createDatabase(name: string, options?: DatabaseOptions): Promise<void>;
  /** Sends a signal to the server's first process: SIGKILL is a crash, SIGQUIT an immediate shutdown. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts the server again after `kill`, on the same port with the same settings; resolves when it answers. */
  restart(): Promise<void>;
  /** Ends the server and removes its folder; harmless when repeated. */
  stop(): Promise<void>;
}

const defaultSuperuser = "postgres";
const password = "s3cret/p@ss:w#rd 1%";

/** Unsafe on purpose: a test's server never outlives its test. */
const fastSettings = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  shared_buffers: "64MB",
  max_wal_size: "2GB",
  listen_addresses: "127.0.0.1",
  log_line_prefix: "%m [%p] %u@%d ",
};

/** Starts a server of this major. Throws where its programs cannot be had: ask `majorsAvailable` first. */
export async function startServer(major: Major, options: ServerOptions = {}): Promise<TestServer> {
  const binDir = options.binDir ?? (await serverBinDir(major));
  if (binDir === undefined) throw new Error(`There is no PostgreSQL ${major} server for this machine.`);
  const user = await serverUser();
  const folder = await mkdtemp(join(tmpdir(), `lifeboat-postgres-${major}-`));
  await chmod(folder, 0o755);
  const dataDir = join(folder, "data");
  const socketDir = join(folder, "socket");
  const logFile = join(folder, "log");
  const watchdog = startWatchdog(folder);
  for (const path of [dataDir, socketDir]) {
    await mkdir(path, { mode: path === dataDir ? 0o700 : 0o755 });
    await chown(path, user.uid, user.gid);
  }
  try {
    if (options.copyOf === undefined) await initialise(binDir, folder, dataDir, user, options);
    else await options.copyOf(dataDir, user);
    const port = options.port ?? (await freePort());
    const settings = { ...fastSettings, ...options.settings, unix_socket_directories: socketDir };
    const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const running = { ...(await spawnServer(binDir, [dataDir, port, args], logFile, user)) };
    const superuser = options.superuser ?? defaultSuperuser;
    const server = describeServer(
      { major, binDir, dataDir, socketDir, port, superuser, folder, running, watchdog },
      () => spawnServer(binDir, [dataDir, port, args], logFile, user),
    );
    await untilReady(server, running.child, logFile);
    return server;
  } catch (cause) {
    endWatchdog(watchdog);
    throw cause;
  }
}

interface RunningServer {
  child: ChildProcess;
  exited: Promise<unknown>;
}

async function spawnServer(
  binDir: string,
  [dataDir, port, args]: readonly [dataDir: string, port: number, args: readonly string[]],
  logFile: string,
  user: { readonly uid: number; readonly gid: number },
): Promise<RunningServer> {
  const log = await open(logFile, "a");
  const child = spawn(join(binDir, "postgres"), ["-D", dataDir, "-p", String(port), ...args], {
    env: childEnvironment(),
    stdio: ["ignore", log.fd, log.fd],
    cwd: join(dataDir, ".."),
    // Ctrl-C reaches the whole group; the order of ending is ours.
    detached: true,
    ...user,
  });
  await log.close();
  // Not "close": backends of a killed server may hold the log a little longer.
  return { child, exited: once(child, "exit").catch(() => {}) };
}

interface Started {
  readonly major: Major;
  readonly binDir: string;
  readonly dataDir: string;
  readonly socketDir: string;
  readonly port: number;
  readonly superuser: string;
  readonly folder: string;
  readonly running: RunningServer;
  readonly watchdog: ChildProcess;
}

function describeServer(started: Started, startAgain: () => Promise<RunningServer>): TestServer {
  const { running, superuser } = started;
  const sql = (database: string, text: string, user = started.superuser): Promise<Row[]> =>
    query(started, database, text, user);
  const server: TestServer = {
    major: started.major,
    binDir: started.binDir,
    dataDir: started.dataDir,
    socketDir: started.socketDir,
    port: started.port,
    superuser,
    password,
    url: (database = "postgres") =>
      `postgresql://${superuser}:${encodeURIComponent(password)}@127.0.0.1:${started.port}/${encodeURIComponent(database)}`,
    sql,
    createDatabase: async (name, options = {}) => {
      const clauses = [
        ...(options.owner === undefined ? [] : [`owner ${quoteIdentifier(options.owner)}`]),
        ...(options.encoding === undefined ? [] : [`encoding ${quoteLiteral(options.encoding)}`]),
        ...(options.locale === undefined
          ? []
          : [`lc_collate ${quoteLiteral(options.locale)} lc_ctype ${quoteLiteral(options.locale)}`]),
      ];
      await sql(
        "postgres",
        `create database ${quoteIdentifier(name)} template template0 ${clauses.join(" ")}`,
      );
    },
    kill: async (signal) => {
      running.child.kill(signal);
      await running.exited;
    },
    restart: async () => {
      // Backends of a killed server notice within moments; until then they hold its memory and the start is refused.
      for (let tries = 1; ; tries++) {
        Object.assign(running, await startAgain());
        try {
          await untilReady(server, running.child, join(started.folder, "log"));
          return;
        } catch (cause) {
          if (tries === 20) throw cause;
          await sleep(200);
        }
      }
    },
    stop: async () => {
      const { child } = running;
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGINT");
      await running.exited;
      await rm(started.folder, { recursive: true, force: true });
      endWatchdog(started.watchdog);
    },
  };
  return server;
}

async function query(started: Started, database: string, text: string, user: string): Promise<Row[]> {
  const client = new pg.Client({
    host: started.socketDir,
    port: started.port,
    user,
    database,
    types: { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig,
  });
  client.on("error", () => {});
  await client.connect();
  try {
    const result: pg.QueryResult<Row> | pg.QueryResult<Row>[] = await client.query<Row>(text);
    const last = Array.isArray(result) ? (result as pg.QueryResult<Row>[]).at(-1) : result;
    return last?.rows ?? [];
  } finally {
    await client.end();
  }
}

async function initialise(
  binDir: string,
  folder: string,
  dataDir: string,
  user: { readonly uid: number; readonly gid: number },
  options: ServerOptions,
): Promise<void> {
  const passwordFile = join(folder, "password");
  await writeFile(passwordFile, password);
  await runTool({
    program: join(binDir, "initdb"),
    args: [
      ...["-D", dataDir, "-U", options.superuser ?? defaultSuperuser, "--no-sync", "--pwfile", passwordFile],
      ...["--auth-local=trust", "--auth-host=scram-sha-256"],
      ...["--locale", options.locale ?? "C.UTF-8", "--encoding", options.encoding ?? "UTF8"],
    ],
    cwd: folder,
    ...user,
  });
}

export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root. */
export async function serverUser(): Promise<ServerUser> {
  const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  if (own.uid !== 0) return own;
  const lines = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"));
  const entry = lines.find(([name]) => name === "postgres") ?? lines.find(([name]) => name === "nobody");
  return { uid: Number(entry?.[2] ?? 65_534), gid: Number(entry?.[3] ?? 65_534) };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("No free port was found.");
  return address.port;
}

async function untilReady(server: TestServer, child: ChildProcess, logFile: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await server.sql("postgres", "select 1");
      return;
    } catch (cause) {
      if (child.exitCode === null && child.signalCode === null && tries < 600) {
        await sleep(50);
        continue;
      }
      const log = await readFile(logFile, "utf8").catch(() => "");
      throw new Error(`PostgreSQL ${server.major} did not start:\n${log.slice(-2000)}`, { cause });
    }
  }
}

/**
 * A shell that waits for our end of its stdin to close, which the kernel does however we die, then ends the server
 * and removes its folder.
 */
function startWatchdog(folder: string): ChildProcess {
  const script = `
    read -r _
    pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid" 2>/dev/null && sleep 1
    rm -rf "$1"`;
  const watchdog = spawn("/bin/sh", ["-c", script, "watchdog", folder], {
    env: childEnvironment(),
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  watchdog.unref();
  (watchdog.stdin as unknown as { unref(): void } | null)?.unref();
  return watchdog;
}

function endWatchdog(watchdog: ChildProcess): void {
  watchdog.stdin?.destroy();
}
