/** Secrets that an input gives, or else an environment variable that the policy names. */
import type { SecretReference } from "../policy/policy.ts";
import { publicKeyPem, parseSigningKey, type SigningKey } from "../snapshot/signature.ts";
import type { InputReader } from "../runner/input-reader.ts";
import type { ChosenSource } from "./policy-source.ts";

/** Where in the policy a secret is named: `url` of the chosen source. */
export interface NamedBySource {
  readonly chosen: ChosenSource;
  readonly field: string;
  readonly reference: SecretReference;
}

export function namedBySource(
  chosen: ChosenSource | undefined,
  field: string,
  reference: SecretReference | undefined,
): NamedBySource | undefined {
  return chosen === undefined || reference === undefined ? undefined : { chosen, field, reference };
}

/** The input's value, else that of the variable; a variable that is named and not set is a problem of this input. */
export function optionalSecret<T>(
  read: InputReader,
  input: string,
  named: NamedBySource | undefined,
  parse: (text: string) => T,
): T | undefined {
  if (named === undefined || read.optional.secret(input) !== undefined) {
    return read.optional.secret(input, parse);
  }
  const { chosen, field, reference } = named;
  const value = chosen.variable(reference.secret)?.trim() ?? "";
  if (value !== "") return read.masked(`the environment variable ${reference.secret}`, value, parse);
  const path = `sources.${chosen.source.name}.${field}`;
  read.problem(
    input,
    `is not given, and the policy names ${reference.secret} for it (${path}), which is not set.`,
    envCure(reference.secret),
  );
  return undefined;
}

/** `optionalSecret`, where one of the two must be given. */
export function neededSecret<T>(
  read: InputReader,
  input: string,
  named: NamedBySource | undefined,
  parse: (text: string) => T,
): T {
  if (named === undefined) return read.secret(input, parse);
  return optionalSecret(read, input, named, parse) as T;
}

const signingVariable = "LIFEBOAT_SIGNING_KEY";

/** With a policy LIFEBOAT_SIGNING_KEY stands in for the input, without one nothing does. */
export function signingKeyInput(
  read: InputReader,
  chosen: Pick<ChosenSource, "variable"> | undefined,
): SigningKey | undefined {
  const text = chosen?.variable(signingVariable)?.trim() ?? "";
  if (text === "" || read.optional.secret("signing-key") !== undefined) {
    return read.optional.secret("signing-key", parseSigningKey);
  }
  return read.masked(`the environment variable ${signingVariable}`, text, parseSigningKey);
}

/** What counts only if it is signed must not be made unsigned, nor signed by somebody else. */
export function requireSigner(
  read: InputReader,
  key: SigningKey | undefined,
  { signers }: ChosenSource["policy"],
): void {
  if (signers.length === 0) return;
  if (key === undefined) {
    read.problem(
      "signing-key",
      "is missing, and the policy names who must sign (`signer`): unsigned, the backup would not count.",
      envCure(signingVariable),
    );
    return;
  }
  const own = withoutSpace(publicKeyPem(key));
  if (signers.some((signer) => withoutSpace(signer) === own)) return;
  read.problem(
    "signing-key",
    "belongs to none of the policy's signers: the backup would not count.",
    "Give the key whose public half stands in `signer`, or add the public half there (`openssl pkey -pubout`).",
  );
}

function envCure(name: string): string {
  return `Add \`${name}: \${{ secrets.${name} }}\` below the step's \`env:\`, and see that the secret exists and reaches the job. On a terminal, export it.`;
}

function withoutSpace(text: string): string {
  return text.replaceAll(/\s/g, "");
}
