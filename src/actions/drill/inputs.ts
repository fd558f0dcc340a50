/** The inputs of `drill` and the flags of `lifeboat drill`. */
import { LifeboatError } from "../../errors.ts";
import type { DrilledSource } from "../../operations/drill-report.ts";
import { durationInWords, parsePolicyDuration } from "../../policy/durations.ts";
import type { Policy, PolicySource, SqlCheck } from "../../policy/policy.ts";
import type { Variable } from "../../policy/secrets.ts";
import { type Connection, parseConnection } from "../../postgres/connection.ts";
import type { InputReader } from "../../runner/input-reader.ts";
import type { Identities } from "../../seal/identities.ts";
import { drillKinds, type DrillKind } from "../../snapshot/drill-evidence.ts";
import { objectFilter } from "../../storage/object-filter.ts";
import { loadPolicy, noPolicy } from "../policy-inputs.ts";
import { signingKeyInput } from "../policy-secrets.ts";
import type { PolicySourceMeans } from "../policy-source.ts";
import { optionalIdentities } from "../snapshot-inputs.ts";
import { parseSource } from "../source-name.ts";
import { storeInputs, type StoreInputs } from "../surroundings.ts";
import { type TrustInputs, witnessInputs } from "../trust-inputs.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const usualAgeMs = 30 * dayMs;

export interface DrillPolicy {
  readonly policy: Policy;
  readonly variable: Variable;
}

export interface DrillInputs extends TrustInputs {
  /** Where entries for the ledger\'s branch are left instead of being appended. */
  readonly ledgerFile: string | undefined;
  readonly kind: DrillKind;
  readonly store: StoreInputs;
  /** Empty: the only source that the store has. */
  readonly sources: readonly DrilledSource[];
  readonly ofAgeMs: number;
  readonly identities: Identities;
  /** Of the policy; empty: the identity's own. */
  readonly recipients: readonly string[];
  readonly waive: readonly string[];
  readonly checks: readonly SqlCheck[];
  readonly server: Connection | undefined;
  /** Runs contents that cannot be isolated all the same. */
  readonly trustContents: boolean;
  readonly postgresBin: string | undefined;
  readonly jobs: number;
  /** File that the report is written into. */
  readonly report: string | undefined;
}

/** Undefined where no policy is given. */
export async function drillPolicy({
  folder,
  variable,
  readInputs,
}: PolicySourceMeans): Promise<DrillPolicy | undefined> {
  const file = readInputs((read) => read.optional.string("policy"));
  if (file === undefined || file === noPolicy) return undefined;
  const { policy } = await loadPolicy(file, { folder, required: true });
  return { policy, variable };
}

export const drillModes = [...drillKinds, "due"] as const;

export function drillInputs(read: InputReader, kind: DrillKind, named: DrillPolicy | undefined): DrillInputs {
  const policy = named?.policy;
  const identities = optionalIdentities(read);
  if (identities === undefined) {
    read.problem(
      "identity",
      "is missing.",
      "Give the identity that opens the backups: a drill restores them.",
    );
  }
  if (kind === "disaster" && policy === undefined) {
    read.problem(
      "policy",
      "is missing.",
      "Name the policy file: it says what was lost, and a disaster leaves nothing else.",
    );
  }
  const witness = witnessInputs(read);
  return {
    kind,
    signer: witness.signer ?? signersText(policy),
    ledger: witness.ledger,
    ledgerFile: read.optional.string("ledger-file"),
    signingKey: signingKeyInput(read, named),
    store: storeInputs(read, policy),
    sources: drilledSources(read, policy, kind),
    ofAgeMs: read.optional.parsed("of-age", parseAge) ?? policy?.drills.ofAgeMs ?? usualAgeMs,
    identities: identities as Identities,
    recipients: policy?.recipients ?? [],
    waive: read.optional.list("waive") ?? policy?.verify.waive ?? [],
    checks: policy?.verify.checks ?? [],
    server: read.optional.secret("server-url", (text) => parseConnection(text, "server URL")),
    trustContents: read.optional.boolean("trust-contents") ?? policy?.verify.trustContents ?? false,
    postgresBin: read.optional.string("postgres-bin"),
    jobs: read.integer("jobs", { min: 1, max: 16 }, 2),
    report: read.optional.string("report"),
  };
}

/** One source where it is named, else all of the policy; a disaster spares none. */
function drilledSources(
  read: InputReader,
  policy: Policy | undefined,
  kind: DrillKind,
): readonly DrilledSource[] {
  const name = read.optional.parsed("source", parseSource);
  if (policy === undefined) return name === undefined ? [] : [{ name }];
  if (name === undefined) return policy.sources.map((source) => drilled(source, policy));
  if (kind === "disaster") {
    read.problem(
      "source",
      "is named, but a disaster takes everything.",
      "Leave it out, or drill a restoration.",
    );
  }
  const found = policy.sources.filter((source) => source.name === name);
  if (found.length === 0) {
    const known = policy.sources.map((source) => source.name).join(", ");
    read.problem("source", `"${name}" is no source of the policy.`, `Name one of: ${known}.`);
  }
  return found.map((source) => drilled(source, policy));
}

function drilled(source: PolicySource, policy: Policy): DrilledSource {
  const { name, rpoMs, rtoMs } = source;
  switch (source.type) {
    case "postgres":
      return { name, rpoMs, rtoMs, kind: "database" };
    case "application":
      return { name, rpoMs, rtoMs, kind: "application" };
    case "supabase-storage": {
      const listedIn = databaseOf(source, policy);
      const { include, exclude } = source;
      return {
        name,
        rpoMs,
        rtoMs,
        kind: "storage",
        filter: objectFilter({ include, exclude }),
        ...(listedIn === undefined ? {} : { listedIn }),
      };
    }
  }
}

/** The database of the same project: the one whose URL lists the objects, or the only one that there is. */
function databaseOf(
  { databaseUrl }: Extract<PolicySource, { readonly type: "supabase-storage" }>,
  { sources }: Policy,
): string | undefined {
  const databases = sources.filter((source) => source.type === "postgres");
  const same = databases.find(({ url }) => url.secret === databaseUrl?.secret);
  return (same ?? (databases.length === 1 ? databases[0] : undefined))?.name;
}

function parseAge(text: string): number {
  const age = parsePolicyDuration(text);
  const [min, max] = [hourMs, 3660 * dayMs];
  if (age !== undefined && age >= min && age <= max) return age;
  throw new LifeboatError(
    "input-invalid",
    `is no duration from ${durationInWords(min)} to ${durationInWords(max)}.`,
    { hint: "Write for example 30d, 12h or 1y." },
  );
}

function signersText(policy: Policy | undefined): string | undefined {
  return policy === undefined || policy.signers.length === 0 ? undefined : policy.signers.join("\n");
}
