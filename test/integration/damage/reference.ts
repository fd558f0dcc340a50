/** Two real snapshots of a small database in a directory store, to be damaged. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { backUpDatabase } from "../../../src/operations/back-up-database.ts";
import {
  verifySnapshot,
  type VerifyLevel,
  type VerifyReport,
} from "../../../src/operations/verify-snapshot.ts";
import { type ClientTools, findClientTools } from "../../../src/postgres/client-tools.ts";
import { parseConnection } from "../../../src/postgres/connection.ts";
import { generateIdentity, type Identities, parseIdentities } from "../../../src/seal/identities.ts";
import { parseRecipients, type Recipients } from "../../../src/seal/recipients.ts";
import { findZstd } from "../../../src/seal/zstd.ts";
import { openStore } from "../../../src/store/open-store.ts";
import type { Store } from "../../../src/store/store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { builtBundle } from "../../support/bundle.ts";
import { runToEnd } from "../../support/run-to-end.ts";
import { clientBinDir, type Major, startServer, type TestServer } from "../../support/servers.ts";

export const source = "database";

export interface Reference extends AsyncDisposable {
  readonly server: TestServer;
  readonly folder: string;
  readonly store: Store;
  readonly identities: Identities;
  readonly recipients: Recipients;
  readonly tools: ClientTools;
  /** Ids, oldest first. */
  readonly ids: readonly string[];
  /** Folder of one snapshot. */
  at(id: string): string;
  verify(level: VerifyLevel, id?: string): Promise<VerifyReport>;
  /** The exit code and the words of the built command. */
  command(...args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }>;
}

/** Backs up the database that `sql` makes, as often as wanted. */
export async function makeReference(major: Major, sql: string, snapshots: number): Promise<Reference> {
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-damage-"));
  const server = await startServer(major);
  await server.createDatabase("app");
  await server.sql("app", sql);
  const tools = await findClientTools(major, await clientBinDir(major));
  if (tools === undefined) throw new Error(`There are no client tools of PostgreSQL ${major}.`);
  const { fileText, recipient } = await generateIdentity({ postQuantum: false, created: systemClock.now() });
  const identityFile = join(folder, "..", `${folder.split("/").at(-1) ?? ""}.identity`);
  await writeFile(identityFile, fileText, { mode: 0o600 });
  const identities = parseIdentities(fileText);
  const recipients = parseRecipients([recipient]);
  const store = openStore(pathToFileURL(folder).href, { clock: systemClock, logger: silentLogger });
  const surroundings = {
    store,
    clock: systemClock,
    logger: silentLogger,
    signal: new AbortController().signal,
    lifeboatVersion: "0.0.0",
    zstd: await findZstd(),
    temporaryFolder: tmpdir(),
    clientTools: () => Promise.resolve(tools),
    serverPrograms: () => Promise.resolve(),
    extensionPackages: () => Promise.resolve(),
  };
  const url = `postgresql://postgres@/app?host=${encodeURIComponent(server.socketDir)}&port=${server.port}`;
  const request = {
    connection: parseConnection(url, "test's URL"),
    source,
    tiers: ["daily"] as const,
    recipients,
    signingKey: undefined,
    jobs: 2,
    cores: 2,
    hashes: true,
  };
  const ids: string[] = [];
  for (let taken = 0; taken < snapshots; taken += 1) {
    // Ids sort by the second in which the backup began.
    const clock = { ...systemClock, now: () => new Date(Date.now() + taken * 1000) };
    ids.push((await backUpDatabase(request, { ...surroundings, clock })).snapshot.id);
  }
  return {
    server,
    folder,
    store,
    identities,
    recipients,
    tools,
    ids,
    at: (id) => join(folder, "snapshots", source, id),
    verify: (level, id) =>
      verifySnapshot(
        {
          source,
          choice: id === undefined ? { kind: "latest" } : { kind: "id", id },
          level,
          identities,
          waive: [],
          signer: undefined,
          server: undefined,
          jobs: 1,
        },
        surroundings,
      ),
    async command(...args) {
      const { cli } = await builtBundle();
      // Listing needs no key, and says so by not knowing the flag.
      const key = args[0] === "list" ? [] : ["--identity-file", identityFile];
      const place = ["--store", pathToFileURL(folder).href, "--source", source, ...key];
      return await runToEnd([cli, ...args, ...place], { TARGET_URL: url.replace("/app?", "/restored?") });
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
      await rm(identityFile, { force: true });
    },
  };
}

/** Does something to a file, lets `check` look, and puts the bytes back. */
export async function whileChanged(
  path: string,
  change: (bytes: Buffer) => Buffer,
  check: () => Promise<void>,
): Promise<void> {
  const bytes = await readFile(path);
  await writeFile(path, change(Buffer.from(bytes)));
  try {
    await check();
  } finally {
    await writeFile(path, bytes);
  }
}
