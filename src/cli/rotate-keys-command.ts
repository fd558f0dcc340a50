import { rotateKeysInputs } from "../actions/rotate-keys/inputs.ts";
import { doesNotRevoke } from "../actions/rotate-keys/report.ts";
import { onlySource } from "../operations/list-snapshots.ts";
import { rotateKeys, type RotationReport } from "../operations/rotate-keys.ts";
import { witnessed } from "../actions/witnessed.ts";
import type { CliCommand } from "./cli-command.ts";
import { chooseAnyPolicySource } from "../actions/policy-source.ts";
import { cliSurroundings, terminalActor, terminalPolicy } from "./cli-surroundings.ts";
import {
  identityFromFile,
  needingStore,
  repeatable,
  withKey,
  withPolicySource,
  withStore,
  withTrust,
} from "./flag-sets.ts";
import { terminalTrust } from "./terminal-trust.ts";

export const rotateKeysCommand: CliCommand = {
  path: ["rotate-keys"],
  summary: "give sealed files headers for new keys, beside the old ones; revokes nothing",
  configure: (command) =>
    repeatable(
      withPolicySource(withTrust(withKey(withStore(command)))),
      "--recipients, --recipient <age1…>",
      "who shall be able to open the backups; may be repeated",
    )
      .option("--index-recipient <age1…>", "public key of the new index identity, for indexes besides")
      .option("--retention-days <number>", "how long after a snapshot a locking store locks its new headers")
      .option("--jobs <number>", "snapshots and packs at once (default: 4)")
      .option("--dry-run", "only say what would be done"),
  async run(cli, flags) {
    const named = { ...identityFromFile(flags), recipients: flags["recipient"] };
    const chosen = await chooseAnyPolicySource(terminalPolicy(cli, named));
    const inputs = cli.readInputs(
      named,
      needingStore(flags, (read) => rotateKeysInputs(read, chosen)),
    );
    const surroundings = await cliSurroundings(cli, inputs);
    const source = await onlySource(surroundings.store, inputs.source);
    const { store } = surroundings;
    const trust = terminalTrust(inputs, surroundings);
    const act = { act: "rotate-keys", source, store, by: terminalActor() };
    return await witnessed(inputs.dryRun ? undefined : trust.ledger, act, surroundings, async () => {
      const { error, ...report } = await rotateKeys({ ...inputs, source, trust }, surroundings);
      for (const { sentence, remedy } of report.findings) cli.logger.warning(`${sentence} ${remedy}`);
      const result = { document: report, text: describe(report), ...(error === undefined ? {} : { error }) };
      return { result, findings: report.findings };
    });
  },
};

function describe(report: RotationReport): string {
  const { source, recipients, snapshots, packs, files, rewrapped, skipped, failed, dryRun, seconds } = report;
  return [
    `${snapshots} snapshots and ${packs} packs of "${source}" with ${files} sealed files, for ${recipients.join(", ")}:`,
    `${rewrapped} ${dryRun ? "would get" : "got"} new headers, ${skipped} had them, ${failed} failed; ${seconds.toFixed(1)} s.`,
    doesNotRevoke,
  ].join("\n");
}
