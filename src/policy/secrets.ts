/** The secrets that a policy names, asked of the environment when somebody needs them, and no sooner. */
import { LifeboatError } from "../errors.ts";
import type { Policy, PolicySource, SecretReference } from "./policy.ts";

export interface NamedSecret {
  /** Where in the policy: `sources.database.url`. */
  readonly path: string;
  readonly name: string;
}

/** How a name becomes a value: `environmentVariable` of src/runner or src/cli. */
export type Variable = (name: string) => string | undefined;

export function secretsOfSource(source: PolicySource): readonly NamedSecret[] {
  return Object.entries(source).flatMap(([key, value]) => namedAt(`sources.${source.name}.${key}`, value));
}

/** Every secret that the policy names, each path once. */
export function secretsOf(policy: Policy): readonly NamedSecret[] {
  const { email, webhook, ping } = policy.alerts;
  return [
    ...policy.sources.flatMap(secretsOfSource),
    ...Object.entries(email?.smtp ?? {}).flatMap(([key, value]) => namedAt(`alerts.email.${key}`, value)),
    ...namedAt("alerts.webhook", webhook?.url),
    ...namedAt("alerts.ping", ping),
  ];
}

/** The value; throws `policy-secret-missing`, which says the line to add. Mask it before anything else sees it. */
export function resolveSecret({ secret }: SecretReference, path: string, variable: Variable): string {
  const value = variable(secret)?.trim();
  if (value !== undefined && value !== "") return value;
  throw missingSecrets([{ path, name: secret }]);
}

/** One error for all of `wanted` that are not set, or nothing. */
export function requireSecrets(wanted: readonly NamedSecret[], variable: Variable): void {
  const missing = wanted.filter(({ name }) => (variable(name)?.trim() ?? "") === "");
  if (missing.length > 0) throw missingSecrets(missing);
}

function missingSecrets(missing: readonly NamedSecret[]): LifeboatError {
  const names = [...new Set(missing.map(({ name }) => name))];
  const told = missing.map(({ path, name }) => `${name} (${path})`).join(", ");
  const lines = names.map((name) => `${name}: \${{ secrets.${name} }}`).join("; ");
  return new LifeboatError("policy-secret-missing", `The policy names what is not set: ${told}.`, {
    hint: `Add below the step's \`env:\`: ${lines}; and see that each secret exists and reaches the job. On a terminal, export it.`,
  });
}

function namedAt(path: string, value: unknown): readonly NamedSecret[] {
  if (typeof value !== "object" || value === null || !("secret" in value)) return [];
  return typeof value.secret === "string" ? [{ path, name: value.secret }] : [];
}
