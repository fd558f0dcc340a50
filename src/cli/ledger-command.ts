/** `lifeboat ledger show`, `verify` and `export`: what was done, by whom, and whether the chain of records is whole. */
import type { Command } from "commander";
import { stringify } from "csv-stringify/sync";
import { storeInputs } from "../actions/surroundings.ts";
import { openBranchLedger, openLedger, witnessInputs } from "../actions/trust-inputs.ts";
import { loadPolicy } from "../actions/policy-inputs.ts";
import { handoverInputs } from "../actions/witness/inputs.ts";
import { handoverError } from "../actions/witness/report.ts";
import { LifeboatError } from "../errors.ts";
import { appendHandedOn } from "../ledger/handed-on.ts";
import type { LedgerReading, LedgerRecord } from "../ledger/record.ts";
import { parseSigners } from "../snapshot/signed-document.ts";
import { openStore } from "../store/open-store.ts";
import type { CliCommand } from "./cli-command.ts";
import { terminalActor, terminalGitHub, terminalStores } from "./cli-surroundings.ts";
import type { Cli } from "./exit.ts";
import { withStore, withWitness } from "./flag-sets.ts";

interface Asked {
  readonly place: string;
  readonly reading: LedgerReading;
  /** Of the wanted source and time. */
  readonly records: readonly LedgerRecord[];
}

export const ledgerShowCommand: CliCommand = {
  path: ["ledger", "show"],
  summary: "list what was done, oldest first; needs no key",
  configure: withLedger,
  async run(cli, flags) {
    const { place, records, reading } = await ask(cli, flags);
    const document = { place, records, problems: reading.problems };
    return { document, text: [...records.map(line), `${records.length} records of ${place}.`].join("\n") };
  },
};

export const ledgerVerifyCommand: CliCommand = {
  path: ["ledger", "verify"],
  summary: "prove that no record was changed, taken out or put elsewhere",
  configure: withLedger,
  async run(cli, flags) {
    const { place, reading } = await ask(cli, flags);
    const { problems, records } = reading;
    const document = { place, records: records.length, problems };
    if (problems.length === 0) {
      return { document, text: `The ${records.length} records of ${place} form a whole chain.` };
    }
    const error = new LifeboatError("ledger-broken", `The ledger at ${place} is broken.`);
    return { document, text: problems.join("\n"), error };
  },
};

export const ledgerExportCommand: CliCommand = {
  path: ["ledger", "export"],
  summary: "print the records as CSV, for an auditor",
  configure: (command) =>
    withLedger(command).option("--csv", "as CSV (the default, and the only form so far)"),
  async run(cli, flags) {
    const { place, records } = await ask(cli, flags);
    const rows = records.map(row);
    // A name that begins with = would be a formula to whoever opens it in a spreadsheet.
    const text = stringify(rows, { header: true, columns, escape_formulas: true }).trimEnd();
    return { document: { place, records: rows }, text };
  },
};

export const ledgerAppendCommand: CliCommand = {
  path: ["ledger", "append"],
  summary: "append to the branch what verifications and drills left by --ledger-file",
  configure: (command) =>
    command
      .option("--entries <folder>", "folder with the files that they left, at any depth")
      .option("--policy <file>", "the policy file: only its sources are spoken of"),
  async run(cli, flags) {
    const inputs = cli.readInputs(flags, handoverInputs);
    const { policy } = await loadPolicy(inputs.policy, { folder: "", required: true });
    const report = await appendHandedOn({
      folder: inputs.folder,
      sources: policy.sources.map(({ name }) => name),
      ledger: openBranchLedger(undefined, { clock: cli.clock, github: terminalGitHub({ token: undefined }) }),
      by: terminalActor(),
      now: cli.clock.now(),
    });
    const error = handoverError(report.refused);
    const text = `${report.appended.length} records were appended.`;
    return { document: report, text, ...(error === undefined ? {} : { error }) };
  },
};

function withLedger(command: Command): Command {
  return withWitness(withStore(command))
    .option("--from <moment>", "only records of this moment or later (RFC 3339, or a date)")
    .option("--to <moment>", "only records before this moment");
}

async function ask(cli: Cli, flags: Parameters<CliCommand["run"]>[1]): Promise<Asked> {
  const inputs = cli.readInputs({ ledger: "branch", ...flags }, (read) => {
    const witness = witnessInputs(read);
    if (witness.ledger === "none")
      read.problem("ledger", "is none.", "Give --ledger branch or --ledger store.");
    if (witness.ledger === "store" && flags["store"] === undefined) {
      read.problem("store", "is missing.", "Add --store file:///path or s3://bucket/prefix.");
    }
    return {
      witness,
      store: storeInputs(read),
      source: read.optional.string("source"),
      from: read.optional.parsed("from", parseMoment),
      to: read.optional.parsed("to", parseMoment),
    };
  });
  const { store, witness } = inputs;
  const means = {
    // The ledger on a branch needs no store, and none may be named.
    get store() {
      return openStore(store.address, terminalStores(cli, store));
    },
    clock: cli.clock,
    github: terminalGitHub(store),
  };
  const signers = witness.signer === undefined ? [] : parseSigners(witness.signer);
  const ledger = openLedger(witness.ledger, undefined, means, signers);
  if (ledger === undefined) throw new LifeboatError("unexpected", "There is no ledger.");
  const reading = await ledger.read("whole");
  for (const problem of reading.problems) cli.logger.warning(problem);
  const records = reading.records.filter(({ source, time }) => {
    const moment = Date.parse(time);
    return (
      (inputs.source === undefined || source === inputs.source) &&
      moment >= (inputs.from?.getTime() ?? Number.NEGATIVE_INFINITY) &&
      moment < (inputs.to?.getTime() ?? Number.POSITIVE_INFINITY)
    );
  });
  return { place: ledger.place, reading, records };
}

const columns = [
  "time",
  "act",
  "source",
  "snapshot",
  "outcome",
  "findings",
  "by",
  "run",
  "commit",
  "store",
  "sha256",
] as const;

function row(record: LedgerRecord): Record<(typeof columns)[number], string> {
  const {
    time,
    act,
    source,
    snapshot = "",
    outcome = "",
    findings = [],
    by,
    commit = "",
    store,
    sha256,
  } = record;
  return {
    time,
    act,
    source,
    snapshot,
    outcome,
    findings: findings.join(" "),
    by: by.name,
    run: by.run ?? "",
    commit,
    store,
    sha256,
  };
}

function line(record: LedgerRecord): string {
  const { time, act, source, snapshot, outcome, by } = row(record);
  return [time, act, source, snapshot, outcome, by].filter((word) => word !== "").join("  ");
}

function parseMoment(text: string): Date {
  const moment = new Date(text);
  if (/^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(text) && !Number.isNaN(moment.getTime()))
    return moment;
  throw new LifeboatError("input-invalid", "not a moment.", {
    hint: "Write 2026-11-23, or 2026-11-23T03:00:00Z.",
  });
}
