/** What operations need of a workflow run: the store, the clock, the log, and PostgreSQL's programs. */
import {
  ensureClientTools,
  ensureIsolation,
  ensureServerPrograms,
  type InstallChoices,
  installExtensions,
} from "../postgres/install-programs.ts";
import type { ClientTools } from "../postgres/client-tools.ts";
import type { InputReader } from "../runner/input-reader.ts";
import { runnerPackageInstaller } from "../runner/package-installer.ts";
import type { Runner } from "../runner/run-action.ts";
import { version } from "../runner/version.ts";
import { findZstd } from "../seal/zstd.ts";
import type { Policy } from "../policy/policy.ts";
import type { PolicySourceMeans } from "./policy-source.ts";
import { environmentVariable } from "../runner/environment.ts";
import { branchesOf, firstStore, storeNamed, type StoreOfPolicy } from "./policy-stores.ts";
import { openStore, parseStoreAddress, type StoreAddress } from "../store/open-store.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import type { Isolation, NoIsolation } from "../system/sandbox/way.ts";

export interface StoreInputs {
  readonly address: StoreAddress;
  readonly token: string | undefined;
  readonly allowedBranches: readonly string[] | undefined;
  /** Where a policy is given. */
  readonly ofPolicy?: StoreOfPolicy | undefined;
}

/** With a policy, `store` is an address or a name of the policy; by default its first. */
export function storeInputs(read: InputReader, policy?: Policy): StoreInputs {
  const token = read.optional.secret("github-token");
  const branches = read.optional.list("allowed-branches");
  if (policy === undefined) {
    const address = read.parsed("store", parseStoreAddress, { kind: "artifacts" });
    return { address, token, allowedBranches: branches };
  }
  const ofPolicy = read.parsed("store", (text) => storeNamed(text, policy), firstStore(policy));
  return {
    // After a problem there is none, and this object is thrown away.
    address: (ofPolicy as StoreOfPolicy | undefined)?.address as StoreAddress,
    token,
    allowedBranches: branches ?? policy.stores.flatMap(branchesOf),
    ofPolicy,
  };
}

/** What a policy in the caller's checkout needs. */
export function policyMeans({ context, readInputs }: Runner): PolicySourceMeans {
  return { folder: context.workspace, variable: environmentVariable, readInputs };
}

export interface Surroundings {
  readonly store: Store;
  /** Further stores, with the same token. */
  readonly open: (address: StoreAddress) => Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lifeboatVersion: string;
  readonly zstd: string | undefined;
  readonly signal: AbortSignal;
  /** A folder on a real disk for throwaway servers; theirs alone, mode 0700. */
  readonly temporaryFolder: string;
  clientTools(major: number, serverVersion?: string): Promise<ClientTools>;
  /** Server programs beside the client tools, for a throwaway server. */
  serverPrograms(tools: ClientTools): Promise<void>;
  extensionPackages(major: number, extensions: readonly string[]): Promise<void>;
  /** What keeps a backup's contents away from this job. */
  readonly isolation: () => Promise<Isolation | NoIsolation>;
}

export async function runnerSurroundings(
  runner: Runner,
  inputs: { readonly store: StoreInputs; readonly postgresBin: string | undefined },
): Promise<Surroundings> {
  const { clock, context, logger, signal } = runner;
  const { temporaryFolder } = context;
  const open = (address: StoreAddress): Store =>
    openStore(address, { clock, logger, signal, github: githubSurroundings(runner, inputs.store) });
  return {
    store: open(inputs.store.address),
    open,
    clock,
    logger,
    lifeboatVersion: version,
    zstd: await findZstd(),
    signal,
    temporaryFolder,
    ...postgresPrograms(temporaryFolder, {
      logger,
      installer: runnerPackageInstaller(),
      ...(inputs.postgresBin === undefined ? {} : { chosenFolder: inputs.postgresBin }),
    }),
  };
}

export function githubSurroundings(
  { context }: Runner,
  { token, allowedBranches }: Pick<StoreInputs, "token" | "allowedBranches">,
) {
  const [owner, name] = (context.repository ?? "").split("/");
  const id = Number(context.runId);
  const { apiUrl, temporaryFolder } = context;
  return {
    apiUrl,
    ...(token === undefined ? {} : { token }),
    ...(allowedBranches === undefined ? {} : { allowedBranches }),
    ...(owner !== undefined && name !== undefined && Number.isInteger(id)
      ? { run: { id, temporaryFolder, repository: { owner, name } } }
      : {}),
  };
}

export function postgresPrograms(
  temporaryFolder: string,
  choices: InstallChoices,
): Pick<Surroundings, "clientTools" | "serverPrograms" | "extensionPackages" | "isolation"> {
  let isolation: Promise<Isolation | NoIsolation> | undefined;
  return {
    isolation: () => (isolation ??= ensureIsolation(temporaryFolder, choices)),
    clientTools: (major, serverVersion) => ensureClientTools(major, choices, serverVersion),
    serverPrograms: (tools) => ensureServerPrograms(tools, choices),
    extensionPackages: (major, extensions) => installExtensions(major, extensions, choices),
  };
}
