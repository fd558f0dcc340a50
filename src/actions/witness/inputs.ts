/** The inputs of `witness` and the flags of `lifeboat ledger append`. */
import type { InputReader } from "../../runner/input-reader.ts";
import { policyInput } from "../policy-inputs.ts";

export interface HandoverInputs {
  readonly folder: string;
  readonly policy: string;
  readonly token: string | undefined;
}

export function handoverInputs(read: InputReader): HandoverInputs {
  return {
    folder: read.string("entries"),
    policy: policyInput(read),
    token: read.optional.secret("github-token"),
  };
}
