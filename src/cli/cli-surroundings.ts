/** What operations need of a terminal: the store, the clock, the log, and PostgreSQL's programs. */
import { tmpdir } from "node:os";
import { postgresPrograms, type Surroundings } from "../actions/surroundings.ts";
import { version } from "../runner/version.ts";
import { findZstd } from "../seal/zstd.ts";
import { openStore, type StoreAddress } from "../store/open-store.ts";
import type { Store } from "../store/store.ts";
import type { Cli } from "./exit.ts";
import { environmentVariable } from "./environment.ts";

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
  const open = (address: StoreAddress): Store => openStore(address, { clock, logger, github });
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
    ...postgresPrograms({
      logger,
      ...(inputs.postgresBin === undefined ? {} : { chosenFolder: inputs.postgresBin }),
    }),
  };
}
