import type { Command } from "commander";
import { noPolicyFile, readPolicyFile } from "../actions/policy-inputs.ts";
import { LifeboatError } from "../errors.ts";
import { checkPolicy, policyFile, readPolicy } from "../policy/check.ts";
import { defaultPolicy } from "../policy/defaults.ts";
import { explainPolicy } from "../policy/explain.ts";
import { explanationText } from "../policy/explanation-text.ts";
import type { Visibility } from "../policy/policy.ts";
import { describeProblem } from "../policy/problems.ts";
import type { InputReader } from "../runner/input-reader.ts";
import type { CliCommand } from "./cli-command.ts";
import { formatBytes } from "./terminal.ts";

const visibilities = ["public", "private"] as const satisfies readonly Visibility[];

export const policyCheckCommand: CliCommand = {
  path: ["policy", "check"],
  summary: `check a policy file (default: ${policyFile}); prints every problem`,
  configure: withPolicyFile,
  async run(cli, flags, [file = policyFile] = []) {
    const visibility = cli.readInputs(flags, readVisibility);
    const text = await readPolicyFile(file);
    if (text === undefined) throw noPolicyFile(file);
    const { problems, findings } = checkPolicy(text, visibility);
    const lines = [
      ...problems.map((problem) => describeProblem(problem, file)),
      ...findings.map(({ level, sentence, remedy }) => `${level}: ${sentence} ${remedy}`),
    ];
    const document = { file, problems, findings };
    if (problems.length === 0) return { document, text: [...lines, `${file} is a sound policy.`].join("\n") };
    const count = problems.length === 1 ? "one problem" : `${problems.length} problems`;
    const error = new LifeboatError("policy-invalid", `${file} has ${count}.`);
    return { document, text: lines.join("\n"), error };
  },
};

export const policyExplainCommand: CliCommand = {
  path: ["policy", "explain"],
  summary: "say what a policy does, keeps, can lose and costs; without a file, the defaults",
  configure: (command) =>
    withPolicyFile(command)
      .option("--database-size <size>", "of the databases together, for example 12GB")
      .option("--storage-size <size>", "of all objects together, for example 800MB"),
  async run(cli, flags, [named] = []) {
    const inputs = cli.readInputs(flags, (read) => ({
      ...readVisibility(read),
      databaseBytes: read.optional.parsed("database-size", parseSize),
      storageBytes: read.optional.parsed("storage-size", parseSize),
    }));
    const { databaseBytes, storageBytes, ...visibility } = inputs;
    const file = named ?? policyFile;
    const text = await readPolicyFile(file);
    if (text === undefined && named !== undefined) throw noPolicyFile(file);
    const { policy, findings } =
      text === undefined ? defaultPolicy(visibility.visibility) : readPolicy(text, { file, ...visibility });
    const explanation = explainPolicy(policy, findings, {
      ...visibility,
      ...(databaseBytes === undefined ? {} : { databaseBytes }),
      ...(storageBytes === undefined ? {} : { storageBytes }),
    });
    return {
      document: { ...(text === undefined ? {} : { file }), ...explanation },
      text: explanationText(explanation, formatBytes),
    };
  },
};

function withPolicyFile(command: Command): Command {
  return command
    .argument("[file]", "the policy file")
    .option("--visibility <public|private>", "of the repository: decides how long artifacts can live");
}

function readVisibility(read: InputReader): { readonly visibility?: Visibility } {
  const visibility = read.optional.enum("visibility", visibilities);
  return visibility === undefined ? {} : { visibility };
}

/** Bytes; powers of 1000, as GitHub and Supabase bill them. */
function parseSize(text: string): number {
  const [, amount, unit = ""] = /^(\d{1,6}(?:\.\d{1,3})?) ?([kMGT]?)B?$/i.exec(text) ?? [];
  const power = ["", "K", "M", "G", "T"].indexOf(unit.toUpperCase());
  if (amount !== undefined && power !== -1) return Math.round(Number(amount) * 1000 ** power);
  throw new LifeboatError("input-invalid", "not a size.", { hint: "Write for example 800MB or 12GB." });
}
