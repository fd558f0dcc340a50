import { openCopies } from "../actions/copies.ts";
import { copyToInputs } from "../actions/copy-to-inputs.ts";
import { signingKeyInput } from "../actions/policy-secrets.ts";
import { witnessInputs } from "../actions/trust-inputs.ts";
import { witnessedCopies } from "../actions/witnessed.ts";
import { parseSource } from "../actions/source-name.ts";
import { snapshotChoice } from "../actions/snapshot-inputs.ts";
import { type CopyChoice, copySnapshots, type StoreCopy } from "../operations/copy-snapshots.ts";
import { onlySource } from "../operations/list-snapshots.ts";
import type { InputReader } from "../runner/input-reader.ts";
import { parseStoreAddress } from "../store/open-store.ts";
import type { CliCommand } from "./cli-command.ts";
import { cliSurroundings, terminalActor } from "./cli-surroundings.ts";
import { repeatable, withWitness } from "./flag-sets.ts";
import { terminalTrust } from "./terminal-trust.ts";
import { formatBytes } from "./terminal.ts";

export const copyCommand: CliCommand = {
  path: ["copy"],
  summary: "copy snapshots to other stores, sealed as they are; needs no key",
  configure: (command) =>
    repeatable(
      withWitness(command)
        .option("--from <address>", "the store that has them: file:///path, s3://… or artifacts:owner/repo")
        .option("--signing-key <env:NAME|file:PATH>", "Ed25519 key in PEM form to sign the ledger's records"),
      "--to <address>",
      "where to, optionally with ' days=N' (how long it keeps a snapshot); may be repeated",
    )
      .option("--source <name>", "name of the source (default: the only one)")
      .option("--snapshot <id|latest>", "this one only, whatever its age")
      .option("--all", "every whole snapshot whose lifetime there has not ended (the default)")
      .option("--since <moment>", "of these the ones taken since this moment (RFC 3339)")
      .option("--allowed-branches <list>", "branches whose artifacts count, besides the default one")
      .option("--dry-run", "only say what would be copied"),
  async run(cli, flags) {
    const inputs = cli.readInputs({ ...flags, asOf: flags["since"] }, (read) => ({
      store: {
        address: read.parsed("from", parseStoreAddress),
        token: undefined,
        allowedBranches: read.optional.list("allowed-branches"),
      },
      to: targets(read),
      source: read.optional.parsed("source", parseSource),
      choice: copyChoice(read),
      dryRun: read.boolean("dry-run", false),
      trust: { ...witnessInputs(read), signingKey: signingKeyInput(read, undefined) },
      postgresBin: undefined,
    }));
    const surroundings = await cliSurroundings(cli, inputs);
    const { store: from } = surroundings;
    const to = openCopies(inputs.to, surroundings);
    const source = await onlySource(from, inputs.source);
    const trust = terminalTrust(inputs, surroundings);
    const act = { act: "copy", source, store: from, by: terminalActor() };
    const { error, ...report } = await witnessedCopies(
      inputs.dryRun ? undefined : trust.ledger,
      act,
      surroundings,
      {
        to,
        copy: () => copySnapshots({ ...inputs, from, to, source, trust }, surroundings),
      },
    );
    for (const { sentence, remedy } of report.findings) cli.logger.warning(`${sentence} ${remedy}`);
    return {
      document: report,
      text: report.stores.map((copy) => storeLine(copy, report.dryRun)).join("\n"),
      ...(error === undefined ? {} : { error }),
    };
  },
};

function targets(read: InputReader): ReturnType<typeof copyToInputs> {
  const to = copyToInputs(read, "to");
  if (to.length === 0) read.problem("to", "is missing.", "Add --to with the address of a store.");
  return to;
}

function copyChoice(read: InputReader): CopyChoice {
  const isAll = read.boolean("all", false);
  const chosen = snapshotChoice(read);
  const isNamed = chosen.kind === "id" || read.optional.string("snapshot") !== undefined;
  if (isNamed && (isAll || chosen.kind === "as-of")) {
    read.problem("snapshot", "--all or --since is given as well.", "Give one of them.");
  }
  if (chosen.kind === "as-of") return { kind: "since", moment: chosen.moment };
  return isNamed ? chosen : { kind: "all" };
}

export function storeLine(copy: StoreCopy, dryRun = false): string {
  const { store, copied, copiedBytes, already, missing, problem } = copy;
  const did = dryRun ? "would be copied" : `copied (${formatBytes(copiedBytes)})`;
  const rest = problem === undefined ? "" : `; ${problem.sentence}`;
  return `${store}: ${copied.length} ${did}, ${already} there before, ${missing.length} missing${rest}`;
}
