import { dueEntries } from "../actions/plan/matrix.ts";
import { planInputs } from "../actions/plan/inputs.ts";
import { loadPolicy } from "../actions/policy-inputs.ts";
import { openPolicyStores } from "../actions/policy-stores.ts";
import { trustOf } from "../actions/trust-inputs.ts";
import { agreedClock } from "../operations/agree-on-time.ts";
import { planBackups } from "../operations/plan-backups.ts";
import type { CliCommand } from "./cli-command.ts";
import { terminalGitHub, terminalStores } from "./cli-surroundings.ts";
import { withPolicy, withWitness } from "./flag-sets.ts";

export const planCommand: CliCommand = {
  path: ["plan"],
  summary: "say which sources are due at which tiers, from what the stores hold; needs no key",
  configure: (command) =>
    withWitness(withPolicy(command)).option(
      "--storage-shards <number>",
      "machines that share the first backup of buckets",
    ),
  async run(cli, flags) {
    const inputs = cli.readInputs(flags, planInputs);
    const { policy, findings } = await loadPolicy(inputs.policy, { folder: "", required: false });
    const surroundings = terminalStores(cli, inputs.store);
    const stores = openPolicyStores(policy, inputs.store, surroundings).map(({ store }) => store);
    const [store] = stores;
    const github = terminalGitHub(inputs.store);
    const plan = await planBackups({
      policy,
      stores,
      trust:
        store === undefined
          ? { signers: policy.signers }
          : trustOf({ ...inputs.witness, signingKey: undefined }, policy.signers, {
              store,
              clock: cli.clock,
              github,
            }),
      now: (await agreedClock(cli.clock, store)).now(),
      isPush: false,
      otherRuns: [],
      logger: cli.logger,
    });
    for (const { level, sentence, remedy } of [...findings, ...plan.findings]) {
      if (level !== "info") cli.logger.warning(`${sentence} ${remedy}`);
    }
    const lines = plan.due.map(({ source, tiers, reasons }) =>
      [source.name, tiers.join(",") || "nothing", ...reasons.map(({ sentence }) => sentence)].join("  "),
    );
    const due = dueEntries(plan, inputs.storageShards);
    return { document: { due, findings: [...findings, ...plan.findings] }, text: lines.join("\n") };
  },
};
