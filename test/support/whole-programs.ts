/** One folder with the programs of clients and server, as packages put them: downloads come apart. */
import { existsSync } from "node:fs";
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { clientBinDir, type Major, serverBinDir } from "./postgres-programs.ts";

const clients = ["pg_dump", "pg_dumpall", "pg_restore", "psql"];
const servers = ["postgres", "initdb"];

/** Made below `folder` where it is not there already. */
export async function wholeBinDir(major: Major, folder: string): Promise<string> {
  const [client, server] = [await clientBinDir(major), await serverBinDir(major)];
  if (client === undefined || server === undefined) throw new Error(`There is no PostgreSQL ${major}.`);
  if (client === server) return client;
  const binDir = join(folder, `postgresql-${major}`);
  if (existsSync(binDir)) return binDir;
  await mkdir(binDir);
  // The server runs as another user where the tests run as root.
  await chmod(binDir, 0o755);
  // By its own path each finds its libraries and its companions.
  for (const name of clients) {
    await writeFile(join(binDir, name), `#!/bin/sh\nexec '${join(client, name)}' "$@"\n`, { mode: 0o755 });
  }
  // As links, so that an isolated server sees the folder where they really lie.
  for (const name of servers) await symlink(join(server, name), join(binDir, name));
  return binDir;
}
