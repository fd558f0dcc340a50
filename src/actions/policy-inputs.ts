/** The policy file as an input, and the stores that it names. */
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { LifeboatError } from "../errors.ts";
import { policyFile, type ReadPolicy, readPolicy } from "../policy/check.ts";
import { defaultPolicy } from "../policy/defaults.ts";
import type { PolicyStore, Visibility } from "../policy/policy.ts";
import { policyError } from "../policy/problems.ts";
import { largestPolicyBytes } from "../policy/yaml-document.ts";
import type { InputReader } from "../runner/input-reader.ts";
import type { StoreAddress } from "../store/open-store.ts";

/** Of the input: no file at all, but the defaults, and on purpose. */
export const noPolicy = "none";

export function policyInput(read: InputReader): string {
  return read.string("policy", policyFile);
}

/**
 * The policy of a file, or the defaults where there is none. `required`: where nobody said `none`, a missing file is an
 * error, because acting by the defaults on the backups of a policy that was not checked out would remove years.
 */
export async function loadPolicy(
  file: string,
  { folder, visibility, required }: { folder: string; visibility?: Visibility; required: boolean },
): Promise<ReadPolicy> {
  if (file === noPolicy) return defaultPolicy(visibility);
  const text = await readPolicyFile(join(folder, file));
  if (text !== undefined) return readPolicy(text, { file, ...(visibility && { visibility }) });
  if (!required && file === policyFile) return defaultPolicy(visibility);
  throw noPolicyFile(file);
}

async function bytesOf(file: string, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of createReadStream(file, { end: most - 1 })) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** Undefined where there is no such file. */
export async function readPolicyFile(file: string): Promise<string | undefined> {
  let bytes: Uint8Array;
  try {
    // One byte more than a policy may have, so that the check sees that there are more.
    bytes = await bytesOf(file, largestPolicyBytes + 1);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new LifeboatError("input-invalid", `${file} cannot be read.`, {
      hint: "See that it is a file and that you may read it.",
      cause,
    });
  }
  try {
    // A file too large to be a policy is said to be so by the check, whatever its bytes are.
    return new TextDecoder("utf-8", { fatal: bytes.length <= largestPolicyBytes }).decode(bytes);
  } catch {
    const problem = {
      line: 1,
      column: 1,
      path: "",
      sentence: "The file is not UTF-8 text.",
      cure: "Save it as UTF-8.",
    };
    throw policyError([problem], file);
  }
}

export function noPolicyFile(file: string): LifeboatError {
  return new LifeboatError("input-invalid", `There is no file ${file}.`, {
    hint: "Check out the repository before this step, name the policy file, or write one: docs/policy.md has an example.",
  });
}

/** Where a store of the policy is, and how it keeps what is written there. */
export function addressOfStore(store: PolicyStore): StoreAddress {
  switch (store.type) {
    case "github-artifacts":
      return { kind: "artifacts" };
    case "directory":
      return { kind: "directory", path: store.path };
    case "s3": {
      const { bucket, prefix = "", region, endpoint, pathStyle, profile, lock, storageClass } = store;
      return {
        kind: "s3",
        bucket,
        prefix,
        pathStyle: pathStyle || endpoint !== undefined,
        ...(region === undefined ? {} : { region }),
        ...(endpoint === undefined ? {} : { endpoint }),
        ...(profile === undefined ? {} : { profile }),
        lock,
        storageClass,
      };
    }
  }
}
