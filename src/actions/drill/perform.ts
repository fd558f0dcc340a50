/** A drill as its inputs want it, from an action and from a terminal. */
import { writeFile } from "node:fs/promises";
import { LifeboatError } from "../../errors.ts";
import { drillDisaster } from "../../operations/drill-disaster.ts";
import type { DrillReport, DrillRequest } from "../../operations/drill-report.ts";
import { drillRestoration } from "../../operations/drill-restoration.ts";
import { agreedClock } from "../../operations/agree-on-time.ts";
import { onlySource } from "../../operations/list-snapshots.ts";
import { renderDrill } from "../../operations/render-drill.ts";
import { parseRecipients } from "../../seal/recipients.ts";
import type { Actor } from "../../snapshot/tombstone.ts";
import type { Surroundings } from "../surroundings.ts";
import { type GitHubPlace, handingOn, trustOf } from "../trust-inputs.ts";
import type { DrillInputs } from "./inputs.ts";

export interface Drilling {
  readonly github: GitHubPlace;
  readonly by: Actor;
  readonly commit?: string | undefined;
}

export async function performDrill(
  inputs: DrillInputs,
  { github, by, commit }: Drilling,
  surroundings: Surroundings,
): Promise<DrillReport> {
  const { store } = surroundings;
  const clock = await agreedClock(surroundings.clock, store);
  const own = inputs.recipients.length > 0 ? inputs.recipients : await inputs.identities.recipients();
  const trust = trustOf(inputs, [], { store, clock, github });
  const ledger = handingOn(trust.ledger, inputs.ledger, inputs.ledgerFile);
  const request: DrillRequest = {
    ...inputs,
    sources: inputs.sources.length > 0 ? inputs.sources : [{ name: await onlySource(store, undefined) }],
    recipients: own.length === 0 ? undefined : parseRecipients(own),
    trust: { ...trust, ledger },
    by,
    commit,
  };
  const drill = inputs.kind === "disaster" ? drillDisaster : drillRestoration;
  const report = await drill(request, { ...surroundings, clock });
  if (inputs.report !== undefined) await writeReport(inputs.report, renderDrill(report));
  return report;
}

async function writeReport(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (cause) {
    throw new LifeboatError("input-invalid", `The report could not be written to ${path}.`, {
      hint: "The drill is over, and its evidence is in the store: `report` in it is the same text. Name a file in a folder that is there.",
      cause,
    });
  }
}
