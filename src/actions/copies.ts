/** What the backup actions do after the first store has the snapshot: every further store gets what it lacks. */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import { type CopyReport, copySnapshots, type StoreCopy } from "../operations/copy-snapshots.ts";
import type { CopyDestination } from "../operations/copy-target.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { ActionResult } from "../runner/run-action.ts";
import { endOf } from "../system/underway.ts";
import type { Finding } from "../verification/findings.ts";
import type { BackupInputs } from "./backup-inputs.ts";
import { type CopyToInput, mostDays } from "./copy-to-inputs.ts";
import { findingsList } from "./markdown.ts";
import type { Surroundings } from "./surroundings.ts";
import { type BackupTrust, backupTrustOf } from "./trust-inputs.ts";
import type { Done } from "./witnessed.ts";

/** Called before the backup: an address that cannot be used is bad input, and nothing was started. */
export function openCopies(
  copyTo: readonly CopyToInput[],
  { open, store }: Pick<Surroundings, "open" | "store">,
): readonly CopyDestination[] {
  return copyTo.map(({ address, days, daysOfTier }) => {
    const further = open(address);
    const problem =
      further.address === store.address
        ? "is the store itself"
        : further.isReadOnly
          ? "can only be read from here"
          : undefined;
    if (problem !== undefined) {
      throw new LifeboatError("input-invalid", `copy-to: the store ${further.address} ${problem}.`);
    }
    return {
      store: further,
      mostDays: mostDays[address.kind],
      ...(days === undefined ? {} : { days }),
      ...(daysOfTier === undefined ? {} : { daysOfTier }),
    };
  });
}

/** Never throws: the backup itself is safe, whatever happens here. Undefined where there are no further stores. */
export async function copyAfterBackup(
  inputs: BackupTrust & { readonly source: string },
  to: readonly CopyDestination[],
  surroundings: Pick<Surroundings, "store" | "clock" | "logger" | "signal">,
  ledger: Ledger | undefined,
): Promise<CopyReport | undefined> {
  if (to.length === 0) return undefined;
  const { source } = inputs;
  const { store: from, signal } = surroundings;
  const trust = backupTrustOf(inputs, ledger);
  try {
    return await copySnapshots(
      { from, to, source, choice: { kind: "all" }, dryRun: false, trust },
      surroundings,
    );
  } catch (cause) {
    if (signal.aborted) throw endOf(cause, signal);
    const { code, message, hint } = asLifeboatError(cause);
    const stores = to.map(({ store }) => ({
      store: store.address,
      copied: [],
      already: 0,
      missing: [],
      copiedBytes: 0,
      problem: { code, sentence: message, hint },
    }));
    const error = new LifeboatError("copy-incomplete", `Nothing was copied: ${message}`, { cause });
    return { source, from: from.address, stores, findings: [], dryRun: false, seconds: 0, error };
  }
}

/**
 * What the copies decide about the step's end. An older snapshot that is damaged where it came from is a finding: it
 * says nothing against this backup, and verification judges it.
 */
export function copyError(report: CopyReport, snapshot: string): LifeboatError | undefined {
  const isOld =
    report.error?.exitCode === 3 && !report.stores.some(({ missing }) => missing.includes(snapshot));
  return isOld ? undefined : report.error;
}

/** The backup's result, with the copies in outputs, summary and record. */
export function withCopies(
  result: ActionResult,
  report: CopyReport | undefined,
  snapshot: string,
): ActionResult {
  if (report === undefined) return result;
  const error = result.error ?? copyError(report, snapshot);
  const isSafe = (copy: StoreCopy): boolean => copy.problem === undefined && !copy.missing.includes(snapshot);
  const names = (copies: readonly StoreCopy[]): string => copies.map(({ store }) => store).join("\n");
  return {
    ...result,
    outputs: {
      ...result.outputs,
      "copied-to": names(report.stores.filter(isSafe)),
      "copy-failed": names(report.stores.filter((copy) => !isSafe(copy))),
    },
    summary: [
      result.summary,
      [
        "### Copies",
        "",
        "| store | copied now | there before | missing |",
        "|---|---:|---:|---:|",
        ...report.stores.map(row),
      ].join("\n"),
      ...report.stores.flatMap(({ store, problem }) =>
        problem === undefined ? [] : [`❌ \`${store}\`: ${problem.sentence} ${problem.hint}`],
      ),
      ...findingsList(report.findings),
    ].join("\n\n"),
    record: {
      ...result.record,
      copies: report.stores.map(({ store, copied, already, missing, problem }) => ({
        store,
        copied: copied.length,
        already,
        missing: missing.length,
        ...(problem === undefined ? {} : { error: { code: problem.code } }),
      })),
    },
    ...(error === undefined ? {} : { error }),
  };
}

/** A backup and its copies as the ledger is told of them. */
export function doneBackup<R>(
  result: R,
  {
    snapshot,
    findings,
    copied,
    copies,
  }: {
    readonly snapshot: string;
    readonly findings: readonly Finding[];
    readonly copied: CopyReport | undefined;
    readonly copies: readonly CopyDestination[];
  },
): Done<R> {
  const told = copied === undefined ? undefined : { report: copied, to: copies };
  return { result, snapshot, isNew: true, findings, copies: told };
}

function row(copy: StoreCopy): string {
  const sign = copy.problem === undefined && copy.missing.length === 0 ? "✅" : "❌";
  return `| ${sign} \`${copy.store}\` | ${copy.copied.length} | ${copy.already} | ${copy.missing.length} |`;
}

/** With that of a single key: a single point of loss, which whoever knows that may waive. */
export function inputFindings({
  recipients,
  waive,
  findings,
}: Pick<BackupInputs, "recipients" | "waive" | "findings">): readonly Finding[] {
  const isSingle = recipients.class !== "passphrase" && recipients.fingerprints.length < 2;
  if (!isSingle || waive.includes("second-recipient")) return findings;
  const sentence = "The backup is sealed for one recipient only: whoever loses that key has no backups.";
  const remedy =
    "Add the public key of an identity that is kept offline, or accept it with `waive: second-recipient`.";
  return [
    { level: "warning", code: "one-recipient", sentence, publicSentence: sentence, remedy },
    ...findings,
  ];
}
