/** From the text of a policy file to the policy, or to everything that is wrong with it. */
import type { z } from "zod";
import type { LifeboatError } from "../errors.ts";
import type { Finding } from "../verification/findings.ts";
import { agreementFaults } from "./agreement.ts";
import { policyFrom, type Sections } from "./defaults.ts";
import { policyFindings } from "./findings.ts";
import { type Fault, faultsOf, kindOf, missing, notOneOf, unknownKey } from "./issue-words.ts";
import { type LiteralSecret, literalSecrets } from "./literal-secrets.ts";
import type { Policy, Visibility } from "./policy.ts";
import { policyError, type PolicyProblem } from "./problems.ts";
import { namedSections, policyFileSchema, sections } from "./schema.ts";
import { largestPolicyBytes, parseYaml, pathText, type YamlDocument } from "./yaml-document.ts";

export const policyFile = ".github/lifeboat.yml";

export interface CheckOptions {
  /** Of the repository whose artifacts are a store; decides how long they can live. Absent: not known. */
  readonly visibility?: Visibility;
}

export interface PolicyCheck {
  /** Absent where there are problems. */
  readonly policy?: Policy;
  /** In the order of the file. */
  readonly problems: readonly PolicyProblem[];
  /** What a sound policy still leaves open. */
  readonly findings: readonly Finding[];
  /** Where the value at this path stands in the text, or the nearest above it. */
  readonly placeOf: (path: readonly string[]) => { readonly line: number; readonly column: number };
}

/** Never throws for what stands in the text. */
export function checkPolicy(text: string, options: CheckOptions = {}): PolicyCheck {
  // What is too large to be a policy is not searched either.
  const secrets = Buffer.byteLength(text) > largestPolicyBytes ? [] : literalSecrets(text);
  const document = parseYaml(text);
  const problems = [...document.problems, ...secrets.map((secret) => secretProblem(secret, document))];
  const { faults, read } =
    document.value === undefined && document.problems.length > 0
      ? { faults: [], read: {} }
      : readSections(document.value);
  const all = [...faults, ...agreementFaults(read, options.visibility)];
  for (const fault of all) {
    const [start, end] = fault.atKey ? document.keyRangeOf(fault.path) : document.rangeOf(fault.path);
    // A secret in the wrong place is one problem, and the one worth telling.
    if (secrets.some((secret) => secret.start < end && start < secret.end && start > 0)) continue;
    const { sentence, cure } = fault;
    problems.push({ ...document.placeOf(start), path: pathText(fault.path), sentence, cure });
  }
  const placeOf: PolicyCheck["placeOf"] = (path) => document.placeOf(document.rangeOf(path)[0]);
  if (problems.length > 0) return { problems: problems.sort(byPlace), findings: [], placeOf };
  const policy = policyFrom(read);
  return { policy, problems, findings: policyFindings(policy, options.visibility), placeOf };
}

export interface ReadPolicy {
  readonly policy: Policy;
  readonly findings: readonly Finding[];
  /**
   * A `policy-invalid` about what stands at `path`, for what the file alone does not show. Absent where there is no file.
   */
  readonly errorAt?: (path: readonly string[], sentence: string, cure: string) => LifeboatError;
}

/** The policy and its findings; throws `policy-invalid` with every problem. */
export function readPolicy(
  text: string,
  options: CheckOptions & { readonly file?: string } = {},
): ReadPolicy {
  const { file = policyFile } = options;
  const { policy, problems, findings, placeOf } = checkPolicy(text, options);
  if (policy === undefined) throw policyError(problems, file);
  const errorAt: ReadPolicy["errorAt"] = (path, sentence, cure) =>
    policyError([{ ...placeOf(path), path: pathText(path), sentence, cure }], file);
  return { policy, findings, errorAt };
}

function readSections(root: unknown): { readonly faults: readonly Fault[]; readonly read: Sections } {
  if (root === undefined || root === null) {
    return {
      faults: [{ path: [], sentence: "The file is empty.", cure: "docs/policy.md has an example." }],
      read: {},
    };
  }
  if (!isMap(root)) {
    const sentence = `The file is ${kindOf(root)}, not a map of keys.`;
    return { faults: [{ path: [], sentence, cure: "Begin with `version: 1`." }], read: {} };
  }
  const version = versionFault(root["version"]);
  if (version?.isFromLater === true) return { faults: [version.fault], read: {} };
  const faults: Fault[] = version === undefined ? [] : [version.fault];
  const read: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(sections)) {
    const result = schema.safeParse(root[name]);
    if (result.success) read[name] = result.data;
    else faults.push(...faultsOf(schema, root[name], result.error.issues, [name]));
  }
  for (const [name, shapes] of Object.entries(namedSections)) {
    read[name] = readNamed(name, root[name], shapes, faults);
  }
  if (root["sources"] === undefined) faults.push(missing(["sources"]));
  const allowed = Object.keys(policyFileSchema.shape);
  for (const key of Object.keys(root)) {
    if (!allowed.includes(key)) faults.push(unknownKey([key], allowed));
  }
  return { faults, read: read };
}

/** Each entry by itself, so that a problem in one hides none in another. Undefined where one of them is not sound. */
function readNamed(
  section: string,
  value: unknown,
  shapes: Readonly<Record<string, z.ZodType>>,
  faults: Fault[],
): unknown {
  if (value === undefined) return undefined;
  if (!isMap(value)) {
    const sentence = `is ${kindOf(value)}, not a map from names to settings.`;
    faults.push({ path: [section], sentence, cure: "Write `name: { type: … }`, one a line.", atKey: true });
    return undefined;
  }
  const entries = Object.entries(value).map(([name, entry]): [string, unknown] => {
    const path = [section, name];
    if (!isMap(entry)) {
      faults.push({
        path,
        sentence: `is ${kindOf(entry)}, not a map.`,
        cure: "Write { type: … }.",
        atKey: true,
      });
      return [name, undefined];
    }
    const types = Object.keys(shapes);
    const type = entry["type"];
    const schema = Object.entries(shapes).find(([known]) => known === type)?.[1];
    if (schema === undefined) {
      const typePath = [...path, "type"];
      if (type === undefined || type === null) {
        faults.push({ ...missing(typePath), cure: `Add type: ${types.join(", ")}.` });
      } else faults.push({ path: typePath, ...notOneOf(type, types) });
      return [name, undefined];
    }
    const result = schema.safeParse(entry);
    if (result.success) return [name, result.data];
    faults.push(...faultsOf(schema, entry, result.error.issues, path));
    return [name, undefined];
  });
  return Object.fromEntries(entries);
}

function versionFault(version: unknown): { readonly fault: Fault; readonly isFromLater?: true } | undefined {
  if (version === 1) return undefined;
  if (typeof version === "number" && version > 1) {
    const sentence = `is ${version}; this Lifeboat reads version 1.`;
    return {
      fault: {
        path: ["version"],
        sentence,
        cure: "Use the Lifeboat that it was written for, or a later one.",
      },
      isFromLater: true,
    };
  }
  if (version === undefined)
    return { fault: { ...missing(["version"]), cure: "Begin the file with `version: 1`." } };
  return { fault: { path: ["version"], sentence: "is not the number 1.", cure: "Write `version: 1`." } };
}

function secretProblem({ start, what }: LiteralSecret, document: YamlDocument): PolicyProblem {
  return {
    ...document.placeOf(start),
    path: "",
    sentence: `${what} stands here, where everybody who can read the repository reads it.`,
    cure: "Take it out, put a new one into the repository's secrets and write { secret: NAME }: the old one stays in git's history.",
  };
}

function byPlace(left: PolicyProblem, right: PolicyProblem): number {
  return left.line - right.line || left.column - right.column;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
