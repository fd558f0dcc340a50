/**
 * A process with secrets that owns a throwaway server and lets every attack loose on it, as a superuser; prints what each
 * got. Started by the test as whoever it is to be. Argument: JSON of `Given`.
 */
import { existsSync, mkdirSync, readdirSync, unlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { openClient } from "../../../src/postgres/client.ts";
import type { Connection } from "../../../src/postgres/connection.ts";
import { startThrowawayServer } from "../../../src/postgres/throwaway-server.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { findIsolation } from "../../../src/system/sandbox/isolation.ts";
import { isIsolation } from "../../../src/system/sandbox/way.ts";
import { type Attack, attacksOn, type Victim } from "./attacks.ts";

export interface Given {
  readonly confined: boolean;
  readonly token: string;
  readonly home: string;
  readonly runnerTemp: string;
  readonly binDir: string;
}

export interface Outcome {
  readonly way: string;
  readonly succeeded: readonly string[];
  readonly failed: readonly string[];
  readonly live: readonly string[];
  readonly left: readonly string[];
}

const given = JSON.parse(process.argv[2] ?? "") as Given;
const { token, home, runnerTemp } = given;
let reached = 0;
process.on("SIGUSR2", () => (reached += 1));

const victim = await furnish();
const outcome = await attackAll();
process.stdout.write(JSON.stringify(outcome));
process.exit(0);

async function furnish(): Promise<Victim> {
  process.chdir(home);
  writeFileSync(join(home, "secret"), `HOME_${token}\n`, { mode: 0o600 });
  writeFileSync(join(home, `NAME_${token}`), "");
  writeFileSync(join(runnerTemp, "secret"), `FILE_${token}\n`, { mode: 0o644 });
  writeFileSync(join(runnerTemp, `NAME_${token}`), "");
  mkdirSync(join(runnerTemp, "space"), { mode: 0o700 });
  mkdirSync(join(runnerTemp, "own"), { mode: 0o711 });
  const sharedMemoryFile = `/dev/shm/attacked-${process.pid}`;
  writeFileSync(sharedMemoryFile, `SHM_${token}\n`, { mode: 0o644 });
  process.on("exit", () => unlinkSync(sharedMemoryFile));
  const tcp = await listening({ host: "0.0.0.0", port: 0 });
  const abstractFolder = `lifeboat-${token.slice(0, 12)}`;
  await listening({ path: join(runnerTemp, ".s.PGSQL.5432") });
  await listening({ path: `\0${abstractFolder}/.s.PGSQL.5432` });
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return {
    pid: process.pid,
    home,
    runnerTemp,
    port: (tcp.address() as { port: number }).port,
    address: addresses.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.1",
    socketFolder: runnerTemp,
    abstractFolder,
    sharedMemoryFile,
    descriptor: Number(process.env["HANDED_DOWN"]),
    mark: `MARK_${token}`,
  };
}

async function listening(where: object): Promise<Server> {
  const server = createServer((socket) => {
    reached += 1;
    socket.on("error", () => {});
    socket.end();
  });
  await new Promise<void>((resolve) => server.listen(where, resolve));
  return server;
}

async function attackAll(): Promise<Outcome> {
  const folder = join(runnerTemp, "own");
  const isolation = given.confined ? await findIsolation(runnerTemp) : undefined;
  if (isolation !== undefined && !isIsolation(isolation)) throw new Error(isolation.missing);
  const options = { binDir: given.binDir, major: 15, folder, clock: systemClock, logger: silentLogger };
  const attacks = attacksOn(victim);
  const succeeded: string[] = [];
  {
    await using server = await startThrowawayServer({ ...options, isolation });
    for (const attack of attacks) if (await succeeds(attack, server.connection)) succeeded.push(attack.name);
  }
  return {
    way: isolation?.way ?? "none",
    succeeded,
    failed: attacks.map(({ name }) => name).filter((name) => !succeeded.includes(name)),
    live: attacks.filter(({ isLive }) => isLive).map(({ name }) => name),
    left: readdirSync(folder),
  };
}

/** Whether a secret came back, the parent was reached, or something outside was made. */
async function succeeds(attack: Attack, connection: Connection): Promise<boolean> {
  const before = reached;
  const said: string[] = [];
  // An attack may end its own server, and the connection with it.
  await Promise.race([attempt(attack, connection, said), delay(20_000)]).catch(() => {});
  // What was sent to us has to arrive before we look.
  await delay(20);
  const found = said.join("\n");
  return (
    found.includes(token) || reached > before || (attack.makes !== undefined && existsSync(attack.makes))
  );
}

async function attempt(attack: Attack, connection: Connection, said: string[]): Promise<void> {
  const sql = await openClient(connection);
  await sql.query("set search_path = public; drop table if exists loot; create table loot (t text)");
  await sql.query("set statement_timeout = '10s'");
  for (const statement of attack.statements) {
    await sql.query(statement).catch((error: unknown) => said.push(String(error)));
  }
  const { rows } = await sql.query<{ t: string }>("select t from loot");
  said.push(...rows.map(({ t }) => t));
  await sql.end();
}
