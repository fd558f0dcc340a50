/** Which source of a policy a step is about. It is asked first: the step's other inputs take their defaults from it. */
import type { Policy, PolicySource } from "../policy/policy.ts";
import type { Variable } from "../policy/secrets.ts";
import type { InputReader } from "../runner/input-reader.ts";
import type { Finding } from "../verification/findings.ts";
import { parseSource } from "./source-name.ts";
import { loadPolicy, noPolicy } from "./policy-inputs.ts";

export type SourceOf<Type extends PolicySource["type"]> = Extract<PolicySource, { readonly type: Type }>;

export interface ChosenSource<Source extends PolicySource = PolicySource> {
  readonly policy: Policy;
  readonly source: Source;
  /** What the policy knowingly does without: every report shows it. */
  readonly waived: readonly Finding[];
  /** The environment variables that the policy names. */
  readonly variable: Variable;
}

export interface PolicySourceMeans {
  /** What a relative path of the policy stands on; empty for the present folder. */
  readonly folder: string;
  readonly variable: Variable;
  readonly readInputs: <T>(shape: (read: InputReader) => T) => T;
}

const words = {
  postgres: "database",
  "supabase-storage": "source of buckets",
  application: "application",
} as const;

export function policySourceInputs(read: InputReader): {
  readonly policy: string | undefined;
  readonly source: string | undefined;
} {
  return {
    policy: read.optional.string("policy"),
    source: read.optional.parsed("source", parseSource),
  };
}

/**
 * Undefined where no policy is given. Throws `policy-invalid` for the file, and `input-invalid` for a source that the
 * policy does not have, is of another type, or is one of several while none is named.
 */
export async function choosePolicySource<Type extends PolicySource["type"]>(
  type: Type,
  means: PolicySourceMeans,
): Promise<ChosenSource<SourceOf<Type>> | undefined> {
  return await choose(means, (source): source is SourceOf<Type> => source.type === type, words[type]);
}

export async function chooseAnyPolicySource(means: PolicySourceMeans): Promise<ChosenSource | undefined> {
  return await choose(means, (source): source is PolicySource => source.name !== "", "source");
}

async function choose<Source extends PolicySource>(
  { folder, variable, readInputs }: PolicySourceMeans,
  fits: (source: PolicySource) => source is Source,
  word: string,
): Promise<ChosenSource<Source> | undefined> {
  // Without a policy nothing else is looked at here: all problems of a step are told together.
  const file = readInputs((read) => read.optional.string("policy"));
  if (file === undefined || file === noPolicy) return undefined;
  const { policy, findings } = await loadPolicy(file, { folder, required: true });
  const fitting = policy.sources.filter(fits);
  return readInputs((read) => {
    const { source: name } = policySourceInputs(read);
    const [only, ...others] = fitting;
    const found =
      name === undefined && others.length === 0 ? only : fitting.find((source) => source.name === name);
    if (found === undefined) {
      const allowed = fitting.map((source) => source.name).join(", ");
      read.problem(
        "source",
        name === undefined
          ? `is missing, and the policy has ${only === undefined ? "no" : "more than one"} ${word}.`
          : `"${name}" is no ${word} of the policy.`,
        only === undefined ? `Add a ${word} to the policy's sources.` : `Name one of: ${allowed}.`,
      );
    }
    return {
      policy,
      source: found as Source,
      waived: findings.filter(({ code }) => code === "policy-waived"),
      variable,
    };
  });
}
