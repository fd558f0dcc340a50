/** The name of a source as an input. */
import { LifeboatError } from "../errors.ts";
import { isSourceName, sourceNameRule } from "../snapshot/keys.ts";

export function parseSource(text: string): string {
  if (isSourceName(text)) return text;
  throw new LifeboatError("input-invalid", `not ${sourceNameRule}.`, { hint: "" });
}
