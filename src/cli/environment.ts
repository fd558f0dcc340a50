/** The environment variables of a terminal: only those that a flag names by `env:NAME`, or a policy by `secret: NAME`. */
export function environmentVariable(
  name: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  return environment[name] || undefined;
}
