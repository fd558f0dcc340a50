/** `lifeboat hold`, `release` and `unfreeze`: what a person says about retention, written down with name and reason. */
import { parseSource } from "../actions/source-name.ts";
import { storeInputs } from "../actions/surroundings.ts";
import { trustInputs, trustOf } from "../actions/trust-inputs.ts";
import { LifeboatError } from "../errors.ts";
import { type HoldReport, type HoldRequest, holdSnapshot, unfreeze } from "../operations/hold-snapshot.ts";
import { onlySource } from "../operations/list-snapshots.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import type { CliCommand } from "./cli-command.ts";
import { cliSurroundings, terminalActor, terminalGitHub } from "./cli-surroundings.ts";
import type { Cli } from "./exit.ts";
import { needingStore, withStore, withTrust } from "./flag-sets.ts";

interface Said {
  readonly request: HoldRequest;
  readonly means: { readonly store: Store; readonly clock: Clock };
}

export const holdCommand = command(
  "hold",
  "<snapshot>",
  "keep a snapshot for ever",
  (id, { request, means }) => holdSnapshot("hold", id, request, means),
);

export const releaseCommand = command(
  "release",
  "<snapshot>",
  "let retention decide about a held snapshot again",
  (id, { request, means }) => holdSnapshot("release", id, request, means),
);

export const unfreezeCommand = command(
  "unfreeze",
  "<source>",
  "go on pruning a source although its numbers or history looked wrong",
  (_, { request, means }) => unfreeze(request, means),
);

function command(
  name: string,
  argument: "<snapshot>" | "<source>",
  summary: string,
  perform: (named: string, said: Said) => Promise<HoldReport>,
): CliCommand {
  return {
    path: [name],
    summary: `${summary}; records who and why`,
    configure: (own) =>
      withTrust(withStore(own))
        .argument(argument, argument === "<source>" ? "name of the source" : "id of the snapshot")
        .option("--because <reason>", "why, for whoever asks later"),
    async run(cli, flags, [named = ""] = []) {
      const said = await read(cli, flags, argument === "<source>" ? named : undefined);
      const report = await perform(named, said);
      return { document: report, text: describe(report) };
    },
  };
}

async function read(
  cli: Cli,
  flags: Parameters<CliCommand["run"]>[1],
  named: string | undefined,
): Promise<Said> {
  const inputs = cli.readInputs(
    flags,
    needingStore(flags, (reader) => ({
      store: storeInputs(reader),
      source: reader.optional.parsed("source", parseSource),
      trust: trustInputs(reader),
      because: reader.string("because"),
      postgresBin: undefined,
    })),
  );
  const { clock } = cli;
  const { store } = await cliSurroundings(cli, inputs);
  if (store.isReadOnly) {
    throw new LifeboatError("input-invalid", `The store ${store.address} can only be read from here.`, {
      hint: "Say it where the store can be written: for GitHub artifacts in a run of the workflow (docs/retention.md).",
    });
  }
  const source = named === undefined ? await onlySource(store, inputs.source) : parseSource(named);
  const trust = trustOf(inputs.trust, [], { store, clock, github: terminalGitHub(inputs.store) });
  const { because } = inputs;
  const { signingKey } = inputs.trust;
  return { request: { source, because, by: terminalActor(), trust, signingKey }, means: { store, clock } };
}

function describe({ act, source, snapshot, accepted = [], wasFrozen }: HoldReport): string {
  if (act === "hold") return `${snapshot ?? ""} of "${source}" is held: no pruning removes it.`;
  if (act === "release") return `${snapshot ?? ""} of "${source}" is held no longer.`;
  return [
    `Retention of "${source}" goes on.`,
    ...(wasFrozen === undefined ? [] : [`It was frozen: ${wasFrozen}`]),
    ...accepted.map((one) => `Accepted: ${one}`),
  ].join("\n");
}
