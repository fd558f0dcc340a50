/** A Supabase project's buckets, a fake GitHub, a folder for backups and the keys: what every scenario here starts from. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { generateIdentity } from "../../../src/seal/identities.ts";
import { type FakeGitHub, startFakeGitHub } from "../../fakes/github/index.ts";
import {
  startStorageServer,
  type StorageServer,
  type StorageServerOptions,
} from "../../fakes/storage/index.ts";
import { builtBundle } from "../../support/bundle.ts";
import { type RunEnd, startRun } from "../faults/runs.ts";

export interface Project extends AsyncDisposable {
  readonly server: StorageServer;
  readonly github: FakeGitHub;
  readonly folder: string;
  /** A directory store's address. */
  readonly store: string;
  /** TMPDIR of all commands. */
  readonly temporary: string;
  readonly identity: string;
  readonly identityFile: string;
  readonly recipient: string;
  readonly indexIdentity: string;
  readonly indexIdentityFile: string;
  /** Inputs of `storage-backup` that every backup here gives. */
  readonly backupInputs: Readonly<Record<string, string>>;
  /** The built command line, in a process of its own; $STORAGE_KEY is the project's key. */
  lifeboat(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<RunEnd>;
}

export async function openProject(options: StorageServerOptions = {}): Promise<Project> {
  // Here, where there is time: no test's own limit pays for a build.
  const bundle = await builtBundle();
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-project-"));
  const [store, temporary] = [join(folder, "store"), join(folder, "tmp")];
  for (const path of [store, temporary]) await mkdir(path);
  const server = await startStorageServer(options);
  const github = await startFakeGitHub();
  const own = await generateIdentity({ postQuantum: false, created: new Date(0) });
  const index = await generateIdentity({ postQuantum: false, created: new Date(0) });
  const identityFile = join(folder, "identity.txt");
  const indexIdentityFile = join(folder, "index-identity.txt");
  await writeFile(identityFile, own.fileText, { mode: 0o600 });
  await writeFile(indexIdentityFile, index.fileText, { mode: 0o600 });
  return {
    server,
    github,
    folder,
    store: pathToFileURL(store).href,
    temporary,
    identity: own.fileText,
    identityFile,
    recipient: own.recipient,
    indexIdentity: index.fileText,
    indexIdentityFile,
    backupInputs: {
      "supabase-url": server.url,
      "supabase-key": server.secretKey,
      recipients: own.recipient,
      "index-identity": index.fileText,
      "pack-size": "1",
    },
    lifeboat: (args, env = {}) =>
      startRun({ temporary }, [bundle.cli, ...args], { STORAGE_KEY: server.secretKey, ...env }).ended,
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await github.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Flags of `lifeboat backup storage` for a project's store. */
export function backupFlags(project: Project): readonly string[] {
  return [
    ...["backup", "storage", "--store", project.store, ...projectFlags(project)],
    ...["--recipient", project.recipient, "--index-identity-file", project.indexIdentityFile],
  ];
}

export function projectFlags({ server }: Project): readonly string[] {
  return ["--supabase-url", server.url, "--supabase-key", "env:STORAGE_KEY"];
}

/** What the Storage API loses when a project is deleted: everything, at once. */
export async function wipe({ rows, blobs }: StorageServer): Promise<void> {
  for (const { id } of await rows.buckets()) {
    const names: string[] = [];
    for (let page = await rows.page(id, "", undefined, 1000); page.length > 0;) {
      names.push(...page.map(({ name }) => name));
      page = await rows.page(id, "", names.at(-1), 1000);
    }
    await rows.remove(id, names);
    await rows.removeBucket(id);
  }
  blobs.clear();
}
