/** The inputs of `prune` and the flags of `lifeboat prune`. */
import { LifeboatError } from "../../errors.ts";
import type { InputReader } from "../../runner/input-reader.ts";
import { isSnapshotId } from "../../snapshot/ids.ts";
import { parseSource } from "../source-name.ts";
import { policyInput } from "../policy-inputs.ts";
import { policyStoreInputs, type PolicyStoreInputs } from "../policy-stores.ts";
import { trustInputs, type TrustInputs } from "../trust-inputs.ts";

export interface PruneInputs {
  readonly policy: string;
  readonly store: PolicyStoreInputs;
  readonly trust: TrustInputs;
  /** Default: all of the policy. */
  readonly source: string | undefined;
  readonly dryRun: boolean;
  /** What a person says with this run, before anything is pruned. */
  readonly said: Said | undefined;
}

export type Said =
  | { readonly act: "hold" | "release"; readonly snapshot: string; readonly because: string }
  | { readonly act: "unfreeze"; readonly because: string };

export function pruneInputs(read: InputReader): PruneInputs {
  return {
    policy: policyInput(read),
    store: policyStoreInputs(read),
    trust: trustInputs(read),
    source: read.optional.parsed("source", parseSource),
    dryRun: read.boolean("dry-run", false),
    said: readSaid(read),
  };
}

function readSaid(read: InputReader): Said | undefined {
  const hold = read.optional.parsed("hold", parseId);
  const release = read.optional.parsed("release", parseId);
  const isUnfrozen = read.boolean("unfreeze", false);
  const because = read.optional.string("because");
  const said: Said[] = [
    ...(hold === undefined ? [] : [{ act: "hold" as const, snapshot: hold, because: because ?? "" }]),
    ...(release === undefined
      ? []
      : [{ act: "release" as const, snapshot: release, because: because ?? "" }]),
    ...(isUnfrozen ? [{ act: "unfreeze" as const, because: because ?? "" }] : []),
  ];
  if (said.length > 1) read.problem("unfreeze", "several things are said at once.", "Say one of them a run.");
  if (said.length > 0 && because === undefined) {
    read.problem("because", "is missing.", "Say why: whoever asks later must find the reason.");
  }
  return said[0];
}

function parseId(text: string): string {
  if (isSnapshotId(text)) return text;
  throw new LifeboatError("input-invalid", "not a snapshot's id.", {
    hint: "Ids look like 20261123T031207Z-9f2c51e0a7b4; `lifeboat list` shows them.",
  });
}
