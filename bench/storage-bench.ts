/** What the storage benches work in: a folder, two keys and the built bundle's `lifeboat`; all of it goes away. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { measure, type Measurement } from "./measured-process.ts";
import type { StandIn } from "./stand-in.ts";
import { copyBundle } from "./workbench.ts";

/** What `lifeboat backup storage --json` says of itself. */
export interface BackupAnswer {
  readonly account: {
    readonly stored: number;
    readonly carried: number;
    readonly failed: number;
    readonly fetchedBytes: number;
  };
}

export interface StorageBench extends AsyncDisposable {
  readonly folder: string;
  readonly recipient: string;
  readonly identityFile: string;
  readonly indexIdentityFile: string;
  /** An empty folder that was not there before. */
  newFolder(name: string): Promise<string>;
  backUp(
    project: StandIn,
    store: string,
    flags: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): Promise<Measurement & { readonly answer: BackupAnswer }>;
  restore(project: StandIn, store: string, flags: readonly string[]): Promise<Measurement>;
}

export async function openStorageBench(): Promise<StorageBench> {
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-bench-"));
  const close = (): Promise<void> => rm(folder, { recursive: true, force: true });
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void close().finally(() => process.exit(1)));
  }
  try {
    const cli = await copyBundle(folder);
    const [identityFile, indexIdentityFile] = [join(folder, "identity.txt"), join(folder, "index.txt")];
    for (const file of [identityFile, indexIdentityFile]) {
      await promisify(execFile)(process.execPath, [cli, "keygen", "--json", "--out", file]);
    }
    const [, recipient = ""] = /public key: (age1\S+)/.exec(await readFile(identityFile, "utf8")) ?? [];
    const lifeboat = async (
      project: StandIn,
      args: readonly string[],
      env: Readonly<Record<string, string>> = {},
    ): Promise<Measurement> =>
      await measure({
        program: process.execPath,
        args: [cli, ...args, "--json", "--supabase-url", project.url, "--supabase-key", "env:BENCH_KEY"],
        env: { NODE_COMPILE_CACHE: join(folder, "compile-cache"), BENCH_KEY: project.secretKey, ...env },
      });
    return {
      folder,
      recipient,
      identityFile,
      indexIdentityFile,
      newFolder: async (name) => {
        const path = join(folder, name);
        await mkdir(path);
        return path;
      },
      backUp: async (project, store, flags, env) => {
        const keys = ["--recipient", recipient, "--index-identity-file", indexIdentityFile];
        const args = ["backup", "storage", "--store", `file://${store}`, ...keys, ...flags];
        const measured = await lifeboat(project, args, env);
        return { ...measured, answer: JSON.parse(measured.stdout) as BackupAnswer };
      },
      restore: async (project, store, flags) => {
        const key = ["--identity-file", identityFile];
        return await lifeboat(project, [
          "restore",
          "storage",
          "--store",
          `file://${store}`,
          ...key,
          ...flags,
        ]);
      },
      [Symbol.asyncDispose]: close,
    };
  } catch (cause) {
    await close();
    throw cause;
  }
}
