/** A real PgBouncer before a test's server. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { childEnvironment } from "../../src/system/environment.ts";
import { serverUser, type TestServer } from "./servers.ts";

const program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].find((path) => existsSync(path));

/** Whether there is one; says so where there is none. */
export function hasPgbouncer(): boolean {
  if (program === undefined) console.warn("SKIPPED: PgBouncer is not installed (apt-get install pgbouncer).");
  return program !== undefined;
}

export interface Pgbouncer extends AsyncDisposable {
  readonly port: number;
}

/** Lets the superuser in without a password. */
export async function startPgbouncer(
  server: TestServer,
  settings: Readonly<Record<string, string>>,
): Promise<Pgbouncer> {
  const user = await serverUser();
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-pgbouncer-"));
  await chmod(folder, 0o755);
  await chown(folder, user.uid, user.gid);
  const port = await freePort();
  const all = {
    ...{ listen_addr: "127.0.0.1", listen_port: port, unix_socket_dir: "", auth_type: "trust" },
    ...{
      auth_file: join(folder, "users"),
      logfile: join(folder, "log"),
      pidfile: join(folder, "pid"),
      ...settings,
    },
  };
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`);
  await writeFile(join(folder, "users"), `"${server.superuser}" ""\n`);
  const path = join(folder, "pgbouncer.ini");
  await writeFile(
    path,
    `[databases]\n* = host=${server.socketDir} port=${server.port}\n[pgbouncer]\n${lines.join("\n")}\n`,
  );
  const child = spawn(program ?? "", ["-q", path], { env: childEnvironment(), stdio: "ignore", ...user });
  const exited = once(child, "exit");
  for (let tries = 0; !(await answers(port)); tries++) {
    if (tries === 200) throw new Error("PgBouncer did not start.");
    await sleep(25);
  }
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}
