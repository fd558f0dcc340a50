/** `s3://bucket/prefix?region=…`: everything about a bucket that an address may say. It never holds a secret. */
import { LifeboatError } from "../errors.ts";
import type { LockMode, LockSetting, StorageClassSetting } from "./s3-by-tier.ts";

export interface S3Address {
  readonly bucket: string;
  /** Without slashes at its ends; empty for the whole bucket. */
  readonly prefix: string;
  /** Absent: AWS_REGION, or the profile's. */
  readonly region?: string;
  /** Absent: AWS, or AWS_ENDPOINT_URL_S3. */
  readonly endpoint?: string;
  /** Of the AWS configuration files, where a policy names one; absent: AWS_PROFILE, or the environment's keys. */
  readonly profile?: string;
  /** Whether the bucket stands in the path instead of the host name. */
  readonly pathStyle: boolean;
  /** By tier only where a policy says so: the text of an address has one for everything. */
  readonly lock?: LockSetting;
  readonly storageClass?: StorageClassSetting;
  /** Bytes of one part of a multipart upload, all alike; absent: parts grow with the file. */
  readonly partBytes?: number;
}

const options = ["region", "endpoint", "path-style", "lock", "storage-class", "part-size"] as const;
const spelling = "Write s3://bucket/prefix, and options like ?region=eu-central-1 behind it.";
const mebibyte = 1024 * 1024;

export function parseS3Address(text: string): S3Address {
  // No bucket, prefix or option has these; a key that somebody wrote in front of the bucket may be cut anywhere.
  if (text.includes("@") || /^s3:\/\/(?!arn:)[^/?]*:/i.test(text)) {
    throw invalid("Keys do not belong into an address: it is shown in logs.", credentialsCure);
  }
  const [, place = "", query = ""] = /^s3:\/\/([^?#]*)(?:\?([^#]*))?$/.exec(text) ?? [];
  if (place === "") {
    throw invalid(text.includes("#") ? 'An address has no "#".' : "The name of the bucket is missing.");
  }
  const [bucket = "", ...segments] = place.replace(/\/+$/, "").split("/");
  const values = optionsOf(query);
  const endpoint = endpointOf(values.get("endpoint"));
  const region = values.get("region");
  const lock = lockOf(values.get("lock"));
  const storageClass = storageClassOf(values.get("storage-class"));
  const partBytes = partBytesOf(values.get("part-size"));
  if (region !== undefined && !/^[a-z0-9-]{2,40}$/.test(region)) {
    throw invalid(`${JSON.stringify(region)} is not a region, such as eu-central-1.`);
  }
  return {
    bucket: checkedBucket(bucket),
    prefix: segments.map(checkedSegment).join("/"),
    pathStyle: flagOf(values.get("path-style")) ?? endpoint !== undefined,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(lock === undefined ? {} : { lock }),
    ...(storageClass === undefined ? {} : { storageClass }),
    ...(partBytes === undefined ? {} : { partBytes }),
  };
}

/** The same address in its shortest spelling; what a policy says by tier is no part of it. */
export function formatS3Address(address: S3Address): string {
  const query = new URLSearchParams();
  if (address.region !== undefined) query.set("region", address.region);
  if (address.endpoint !== undefined) query.set("endpoint", address.endpoint);
  if (address.pathStyle !== (address.endpoint !== undefined))
    query.set("path-style", String(address.pathStyle));
  if (typeof address.lock === "string") query.set("lock", address.lock);
  if (typeof address.storageClass === "string") query.set("storage-class", address.storageClass);
  if (address.partBytes !== undefined) query.set("part-size", String(address.partBytes / mebibyte));
  const place = address.prefix === "" ? address.bucket : `${address.bucket}/${address.prefix}`;
  const shown = query.toString().replaceAll("%3A", ":").replaceAll("%2F", "/");
  return `s3://${place}${shown === "" ? "" : `?${shown}`}`;
}

function optionsOf(query: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (/key|secret|token|password/i.test(name)) {
      throw invalid("Keys do not belong into an address: it is shown in logs.", credentialsCure);
    }
    if (!options.some((option) => option === name)) {
      throw invalid(
        `An S3 address has no option ${JSON.stringify(name)}.`,
        `The options are ${options.join(", ")}.`,
      );
    }
    if (values.has(name)) throw invalid(`The option ${name} stands there twice.`);
    if (value === "") throw invalid(`The option ${name} is empty.`);
    values.set(name, value);
  }
  return values;
}

const credentialsCure =
  "Give credentials by the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), by OIDC or by AWS_PROFILE.";

function checkedBucket(bucket: string): string {
  if (/^arn:/i.test(bucket)) throw invalid("Access point ARNs are not supported: name the bucket.");
  if (/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket) && !bucket.includes("..")) return bucket;
  throw invalid(
    `${JSON.stringify(bucket)} is not a bucket's name: 3 to 63 lower-case letters, digits, dots and hyphens.`,
  );
}

function checkedSegment(segment: string): string {
  if (/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(segment)) return segment;
  const sentence = segment === "" ? "There is an empty folder in the prefix." : undefined;
  throw invalid(
    sentence ??
      `${JSON.stringify(segment)} cannot be part of a prefix: letters, digits, "_", "-" and "." can, "." not in front.`,
  );
}

function endpointOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw invalid(`${JSON.stringify(text)} is not an endpoint. Write https://host or https://host:port.`);
  }
  if (url.username !== "" || url.password !== "") {
    throw invalid("Keys do not belong into an address: it is shown in logs.", credentialsCure);
  }
  if (url.pathname !== "/" || url.search !== "") {
    throw invalid(`The endpoint is only the server: ${url.origin}. Bucket and prefix stand before the "?".`);
  }
  return url.origin;
}

function flagOf(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (text === "true" || text === "false") return text === "true";
  throw invalid(`path-style is true or false, not ${JSON.stringify(text)}.`);
}

function lockOf(text: string | undefined): LockMode | undefined {
  if (text === undefined || text === "governance" || text === "compliance") return text;
  throw invalid(`lock is governance or compliance, not ${JSON.stringify(text)}.`);
}

function storageClassOf(text: string | undefined): string | undefined {
  if (text === "GLACIER" || text === "DEEP_ARCHIVE") {
    throw invalid(
      `Storage class ${text} cannot be read at once, so nothing stored there could be proven.`,
      "Use GLACIER_IR, or move old snapshots by a lifecycle rule of the bucket.",
    );
  }
  if (text === undefined || /^[A-Z][A-Z0-9_]{1,40}$/.test(text)) return text;
  throw invalid(`${JSON.stringify(text)} is not a storage class, such as STANDARD_IA.`);
}

function partBytesOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const mebibytes = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (mebibytes >= 5 && mebibytes <= 1024) return mebibytes * mebibyte;
  throw invalid(`part-size is a number of MiB from 5 to 1024, not ${JSON.stringify(text)}.`);
}

function invalid(sentence: string, hint: string = spelling): LifeboatError {
  return new LifeboatError("input-invalid", sentence, { hint });
}
