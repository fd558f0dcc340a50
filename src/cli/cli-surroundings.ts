/** What operations need of a terminal: the store, the clock, the log, and PostgreSQL's programs. */
import { hostname, tmpdir, userInfo } from "node:os";
import { postgresPrograms, type Surroundings } from "../actions/surroundings.ts";
import type { PolicySourceMeans } from "../actions/policy-source.ts";
import type { GitHubPlace } from "../actions/trust-inputs.ts";
import type { Actor } from "../snapshot/tombstone.ts";
import { version } from "../runner/version.ts";
import { findZstd } from "../seal/zstd.ts";
import { openStore, type StoreAddress } from "../store/open-store.ts";
import type { Store } from "../store/store.ts";
import type { Cli } from "./exit.ts";
import { environmentVariable } from "./environment.ts";
import type { FlagValues } from "./flags.ts";

/** What stores need where a policy names them. */
export function terminalStores(
  cli: Cli,
  { token = environmentVariable("GITHUB_TOKEN") }: { token: string | undefined },
) {
  if (token !== undefined) cli.secrets.add(token);
  const apiUrl = environmentVariable("GITHUB_API_URL");
  const github = { ...(token === undefined ? {} : { token }), ...(apiUrl === undefined ? {} : { apiUrl }) };
  return { clock: cli.clock, logger: cli.logger, signal: cli.signal, github };
}

/** What the policy that a flag names needs. */
export function terminalPolicy(cli: Cli, flags: FlagValues): PolicySourceMeans {
  return {
    folder: "",
    variable: environmentVariable,
    readInputs: (shape) => cli.readInputs(flags, shape),
  };
}

/** Who sits there. */
export function terminalActor(): Actor {
  return { name: `${userInfo().username}@${hostname()}` };
}

/** Where a ledger on a branch is: the repository of the store's address, or GITHUB_REPOSITORY. */
export function terminalGitHub(store: {
  readonly address?: StoreAddress | undefined;
  readonly token: string | undefined;
}): GitHubPlace {
  const { address } = store;
  const repository =
    address?.kind === "artifacts" && address.repository !== undefined
      ? `${address.repository.owner}/${address.repository.name}`
      : environmentVariable("GITHUB_REPOSITORY");
  return {
    repository,
    token: store.token ?? environmentVariable("GITHUB_TOKEN"),
    apiUrl: environmentVariable("GITHUB_API_URL") ?? "https://api.github.com",
  };
}

export async function cliSurroundings(
  cli: Cli,
  inputs: {
    readonly store: { readonly address: StoreAddress; readonly token: string | undefined };
    readonly postgresBin: string | undefined;
  },
): Promise<Surroundings> {
  const { clock, logger, signal } = cli;
  const token = inputs.store.token ?? environmentVariable("GITHUB_TOKEN");
  if (token !== undefined) cli.secrets.add(token);
  const apiUrl = environmentVariable("GITHUB_API_URL");
  const github = { ...(token === undefined ? {} : { token }), ...(apiUrl === undefined ? {} : { apiUrl }) };
  const open = (address: StoreAddress): Store => openStore(address, { clock, logger, signal, github });
  return {
    store: open(inputs.store.address),
    open,
    clock,
    logger,
    lifeboatVersion: version,
    zstd: await findZstd(),
    signal,
    temporaryFolder: tmpdir(),
    // A person's own machine: nothing is installed there, the error names the command.
    ...postgresPrograms(tmpdir(), {
      logger,
      ...(inputs.postgresBin === undefined ? {} : { chosenFolder: inputs.postgresBin }),
    }),
  };
}
