/** What action.yml and the command line promise is what the input readers read: no more, no less. */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { appBackupInputs } from "../../../src/actions/app-backup/inputs.ts";
import { dbBackupInputs } from "../../../src/actions/db-backup/inputs.ts";
import { monitorInputs } from "../../../src/actions/monitor/inputs.ts";
import { planInputs } from "../../../src/actions/plan/inputs.ts";
import { policySourceInputs } from "../../../src/actions/policy-source.ts";
import { pruneInputs } from "../../../src/actions/prune/inputs.ts";
import { restoreInputs } from "../../../src/actions/restore/inputs.ts";
import { rotateKeysInputs } from "../../../src/actions/rotate-keys/inputs.ts";
import { verifyInputs } from "../../../src/actions/verify/inputs.ts";
import { storageBackupInputs } from "../../../src/actions/storage-backup/inputs.ts";
import { handoverInputs } from "../../../src/actions/witness/inputs.ts";
import {
  backupApplicationCommand,
  restoreApplicationCommand,
} from "../../../src/cli/application-commands.ts";
import { backupCommand, backupStorageCommand } from "../../../src/cli/backup-command.ts";
import type { CliCommand } from "../../../src/cli/cli-command.ts";
import { holdCommand, releaseCommand, unfreezeCommand } from "../../../src/cli/hold-command.ts";
import { ledgerAppendCommand } from "../../../src/cli/ledger-command.ts";
import { monitorCommand } from "../../../src/cli/monitor-command.ts";
import { planCommand } from "../../../src/cli/plan-command.ts";
import { pruneCommand } from "../../../src/cli/prune-command.ts";
import { restoreCommand, restoreStorageCommand } from "../../../src/cli/restore-command.ts";
import { rotateKeysCommand } from "../../../src/cli/rotate-keys-command.ts";
import { verifyCommand } from "../../../src/cli/verify-command.ts";
import { type InputReader, type InputSource, readInputs } from "../../../src/runner/input-reader.ts";
import { createSecrets } from "../../../src/runner/secrets.ts";

/** The policy's source is asked first, by itself. */
const behindPolicy =
  (shape: (read: InputReader) => unknown) =>
  (read: InputReader): unknown => [policySourceInputs(read), shape(read)];

const actions = [
  { name: "db-backup", shape: behindPolicy((read) => dbBackupInputs(read)), commands: [backupCommand] },
  {
    name: "app-backup",
    shape: behindPolicy((read) => appBackupInputs(read)),
    commands: [backupApplicationCommand],
  },
  {
    name: "storage-backup",
    shape: behindPolicy((read) => storageBackupInputs(read)),
    commands: [backupStorageCommand],
  },
  { name: "verify", shape: behindPolicy((read) => verifyInputs(read)), commands: [verifyCommand] },
  {
    name: "rotate-keys",
    shape: behindPolicy((read) => rotateKeysInputs(read)),
    commands: [rotateKeysCommand],
  },
  { name: "monitor", shape: monitorInputs, commands: [monitorCommand] },
  { name: "witness", shape: handoverInputs, commands: [ledgerAppendCommand] },
  { name: "plan", shape: planInputs, commands: [planCommand] },
  {
    name: "prune",
    shape: pruneInputs,
    commands: [pruneCommand, holdCommand, releaseCommand, unfreezeCommand],
  },
  {
    name: "restore",
    shape: behindPolicy((read) => restoreInputs(read)),
    commands: [restoreCommand, restoreStorageCommand, restoreApplicationCommand],
  },
] as const;

interface ActionYml {
  readonly inputs: Record<string, { readonly description: string; readonly default?: string }>;
  readonly outputs: Record<string, { readonly description: string }>;
  readonly runs: { readonly using: string; readonly main: string };
}

function actionYml(name: string): ActionYml {
  return parse(readFileSync(`actions/${name}/action.yml`, "utf8")) as ActionYml;
}

/** Every name that the reader asks for, with nothing given. */
function namesRead(shape: (read: InputReader) => unknown): Set<string> {
  const names = new Set<string>();
  const ask = (name: string): undefined => void names.add(name);
  const source: InputSource = { get: ask, secret: ask, describe: (name) => name, howToSet: () => "" };
  try {
    readInputs<unknown>(source, createSecrets(), shape);
  } catch {
    // Missing inputs are problems; which names were asked for is all that counts here.
  }
  return names;
}

test.each(actions)("$name reads exactly the inputs of its action.yml", ({ name, shape }) => {
  const declared = new Set(Object.keys(actionYml(name).inputs));
  // The funnel reads this one itself, for every action.
  declared.delete("time-limit");
  expect([...namesRead(shape)].sort()).toEqual([...declared].sort());
});

test.each(actions)("$name runs on node24 from the two-line entry, and leaves a record", ({ name }) => {
  const { runs, outputs } = actionYml(name);
  expect(runs).toEqual({ using: "node24", main: "main.js" });
  expect(outputs).toHaveProperty("record");
  expect(readFileSync(`actions/${name}/main.js`, "utf8").trim().split("\n")).toHaveLength(2);
});

test.each(actions)("$name's own defaults are accepted by its reader", ({ name, shape }) => {
  const { inputs } = actionYml(name);
  // Expressions are GitHub's to fill in.
  const get = (input: string): string | undefined =>
    inputs[input]?.default?.includes("${{") === true ? undefined : inputs[input]?.default;
  const source: InputSource = {
    get,
    secret: () => undefined,
    describe: (input) => input,
    howToSet: () => "",
  };
  let message = "";
  try {
    readInputs<unknown>(source, createSecrets(), shape);
  } catch (error) {
    message = (error as Error).message;
  }
  // Only what has no default may be a problem.
  for (const [input, { default: value }] of Object.entries(inputs)) {
    if (value !== undefined && !value.includes("${{")) expect(message).not.toContain(`${input} is `);
  }
});

/** Other words of the terminal for the same thing. */
const flagOfInput: Readonly<Record<string, string>> = {
  identity: "identity-file",
  "index-identity": "index-identity-file",
};
/** A terminal reads its token from GITHUB_TOKEN; retention days are GitHub's; a kind is a command's own name. */
const notOnTerminal = [
  "github-token",
  "retention-days",
  "kind",
  // Commands of their own.
  "hold",
  "release",
  "unfreeze",
];

test.each(actions)("the command line offers every input of $name", ({ shape, commands }) => {
  const flags = commands.flatMap(flagsOf);
  for (const name of namesRead(shape)) {
    if (!notOnTerminal.includes(name)) expect(flags).toContain(flagOfInput[name] ?? name);
  }
});

function flagsOf(command: CliCommand): string[] {
  const { options } = command.configure(new Command());
  return options.flatMap(({ long, short }) => [long, short]).map((flag) => (flag ?? "").replace(/^-+/, ""));
}
