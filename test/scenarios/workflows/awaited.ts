/**
 * What the workflows use and the actions are yet to have: the input `policy` of those that back up and verify, and the
 * action `monitor`. Each stand-in steps aside by itself as soon as the real thing is there.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { type ActionName, type ActionStep, runAction } from "../../support/actions.ts";
import type { StepEnd } from "../../support/step.ts";
import { repositoryRoot } from "../../support/workflow-files.ts";

export const hasMonitor = existsSync(metadataFile("monitor"));

export async function runAwaitedAction(
  name: string,
  step: ActionStep,
  recipients: readonly string[],
): Promise<StepEnd> {
  if (name === "monitor" && !hasMonitor) return silentMonitor;
  return runAction(name as ActionName, { ...step, inputs: inputsFor(name, step, recipients) });
}

/** Says nothing and finds nothing: stories look at what it was given. */
const silentMonitor: StepEnd = {
  ...{ code: 0, stdout: "", stderr: "", summary: "", commands: [], leftInTemp: [] },
  outputs: { record: "{}" },
};

function inputsFor(
  name: string,
  { inputs = {}, env = {} }: ActionStep,
  recipients: readonly string[],
): Readonly<Record<string, string>> {
  const metadata = parse(readFileSync(metadataFile(name), "utf8")) as { readonly inputs: object };
  if (inputs["policy"] === undefined || "policy" in metadata.inputs) return inputs;
  const others = Object.fromEntries(Object.entries(inputs).filter(([input]) => input !== "policy"));
  return {
    ...others,
    ...connections(name, env),
    ...(name === "verify" ? {} : { recipients: recipients.join("\n") }),
  };
}

/** As the policy of these stories says it. */
function connections(name: string, env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  switch (name) {
    case "db-backup":
      return { "database-url": env["DATABASE_URL"] ?? "" };
    case "storage-backup":
      return { "supabase-url": env["SUPABASE_URL"] ?? "", "supabase-key": env["SUPABASE_SECRET_KEY"] ?? "" };
    case "app-backup":
      return { environment: env["APP_ENV"] ?? "" };
    default:
      return {};
  }
}

function metadataFile(name: string): string {
  return join(repositoryRoot, "actions", name, "action.yml");
}
