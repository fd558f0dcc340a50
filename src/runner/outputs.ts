/** Outputs of the step: written through GITHUB_OUTPUT with a random delimiter, so that no value can end early. */
import * as core from "@actions/core";
import { LifeboatError } from "../errors.ts";
import type { Secrets } from "./secrets.ts";

/** GitHub takes 1 MB for an output, measured in UTF-16. */
const largestOutputCharacters = 512 * 1024;

/** Writes nothing where `outputFile` is unset (outside a runner): the old command on stdout would do it in the log. */
export function writeOutputs(
  outputFile: string | undefined,
  outputs: Readonly<Record<string, string>>,
  secrets: Secrets,
): void {
  for (const [name, value] of Object.entries(outputs)) {
    if (!/^[a-z][a-z0-9-]*$/.test(name)) {
      throw new LifeboatError("unexpected", `"${name}" cannot be the name of an output.`);
    }
    if (value.length > largestOutputCharacters) {
      throw new LifeboatError(
        "unexpected",
        `The output "${name}" has ${value.length} characters; GitHub takes ${largestOutputCharacters}.`,
      );
    }
    // GitHub drops an output that contains a masked value; a redacted one at least arrives.
    if (outputFile !== undefined) core.setOutput(name, secrets.redact(value));
  }
}
