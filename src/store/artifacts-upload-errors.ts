/** What GitHub's artifact client throws, told apart by its words: it has neither codes nor, mostly, classes. */
import { LifeboatError } from "../errors.ts";
import { wordsOf } from "./local-files.ts";

/** Another artifact of the run has the name. */
export function isConflict(thrown: unknown): boolean {
  return !(thrown instanceof LifeboatError) && wordsOf(thrown).includes("(409)");
}

export function asUploadFailure(cause: unknown): LifeboatError {
  if (cause instanceof LifeboatError) return cause;
  const words = wordsOf(cause);
  if (/quota has been hit|insufficient usage/i.test(words)) {
    return new LifeboatError("artifact-quota", "GitHub's artifact storage of this account is full.", {
      cause,
    });
  }
  if (/ACTIONS_RUNTIME_TOKEN|ACTIONS_RESULTS_URL|Failed to get backend IDs/.test(words)) {
    return new LifeboatError("input-invalid", "GitHub's artifact service cannot be reached from this step.", {
      hint: "Only actions (`uses:`) in a workflow run get its address and token; in a `run:` step or on a terminal use another store.",
      cause,
    });
  }
  if (cause instanceof Error && cause.name === "GHESNotSupportedError") {
    return new LifeboatError(
      "input-invalid",
      "This GitHub Enterprise Server has no artifact service of this kind.",
      {
        hint: "Use an S3 store or a directory store.",
        cause,
      },
    );
  }
  // The client has tried 5xx, 429 and broken answers five times; what it calls non-retryable stays so.
  if (words.includes("non-retryable")) {
    return new LifeboatError("store-write-failed", `GitHub refused the artifact: ${words}.`, { cause });
  }
  return new LifeboatError("store-temporary", `The artifact could not be uploaded: ${words}.`, { cause });
}
