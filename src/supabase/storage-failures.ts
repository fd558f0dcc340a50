/** What the Storage API says when it says no: most errors come as HTTP 400 with the true status in the body. */
import { type ErrorCode, LifeboatError } from "../errors.ts";

export interface Failure {
  readonly httpStatus: number;
  /** The true one, from the body where it has one. */
  readonly status: number;
  /** `NoSuchKey`, `SlowDown`, …; absent where something in front of the Storage API answered. */
  readonly code?: string;
  readonly message: string;
}

export function parseFailure(httpStatus: number, body: string): Failure {
  let document: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === "object" && parsed !== null) document = parsed as Record<string, unknown>;
  } catch {
    // A gateway's HTML page, or TUS, which answers in plain text.
  }
  const status = Number(document["statusCode"]);
  const text = (name: string): string | undefined => {
    const value = document[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const code = text("code");
  return {
    httpStatus,
    status: Number.isInteger(status) && status >= 400 ? status : httpStatus,
    ...(code === undefined ? {} : { code }),
    message: text("message") ?? text("error") ?? body.slice(0, 200).trim(),
  };
}

const overloads = new Set([429, 503, 544]);
const passing = new Set([408, 423, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 544]);

/** The service has too much to do: fewer requests at once help. */
export function isOverload({ httpStatus, status }: Failure): boolean {
  return overloads.has(status) || overloads.has(httpStatus);
}

/** Worth another try. */
export function isPassing({ httpStatus, status }: Failure): boolean {
  return passing.has(status) || passing.has(httpStatus);
}

/** The Storage API itself says so: a gateway that does not know the address must not pass for it. */
export function isMissingObject({ status, code, message }: Failure): boolean {
  if (status !== 404) return false;
  return code === undefined ? /^(?:object|the resource was) not found$/i.test(message) : code === "NoSuchKey";
}

/** The server does not know the route, or its project's schema is too old for it. */
export function isUnknownRoute({ httpStatus, code, message }: Failure): boolean {
  return (
    (httpStatus === 404 && code === undefined && /^Route .* not found/s.test(message)) ||
    code === "FeatureNotEnabled"
  );
}

/** Before 1.19 a request to `object/list-v2/<bucket>` is an upload into a bucket of the name `list-v2`. */
export function isUploadRoute({ status, code, message }: Failure): boolean {
  return status === 404 && code === undefined && /^(?:bucket|the resource was) not found$/i.test(message);
}

/** A row without bytes: 500 on a file backend (older servers name no code), 404 on S3. A busy server may say 500 too. */
export function mayLackBytes({ status, code, message }: Failure): boolean {
  if (status === 404) return true;
  return (
    status === 500 &&
    (code === "InternalError" || (code === undefined && message === "Internal Server Error"))
  );
}

/**
 * The error of an answer that another try would not change. `what` begins the sentence and may hold names; `publicly`
 * begins it for everybody ("An object could not be read").
 */
export function failureError(failure: Failure, what: string, publicly: string): LifeboatError {
  const { status, code, message } = failure;
  const answer = code === undefined ? `status ${status}` : `status ${status} (${code})`;
  const hint = keyHint(message);
  return new LifeboatError(codeOf(failure), `${what}: the Storage API answered ${answer}: ${message}`, {
    publicSentence: `${publicly}: the Storage API answered ${answer}.`,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Which key was given, where the server's words tell it. */
function keyHint(message: string): string | undefined {
  if (/legacy api keys? .*disabled/i.test(message))
    return "The key is a legacy one, and the project has disabled those: give a secret key (sb_secret_…).";
  if (/signature verification failed|JWSSignatureVerificationFailed|invalid signature/i.test(message))
    return "The key is a legacy key of another project, or from before the JWT secret was changed: give this project's.";
  if (/invalid compact jws/i.test(message))
    return "This server knows legacy keys only: give its service_role key (a JWT).";
  if (/invalid api key/i.test(message))
    return "The key is another project's, or was revoked: give this project's secret key (sb_secret_…).";
  return undefined;
}

function codeOf(failure: Failure): ErrorCode {
  const { status, code, message } = failure;
  if (code === "NoSuchBucket" || (code === undefined && message === "Bucket not found"))
    return "storage-bucket-missing";
  if (status === 401 || status === 403) return "storage-key-refused";
  if (isMissingObject(failure)) return "storage-object-missing";
  if (code === "InvalidKey" || /^invalid key: /i.test(message)) return "object-name-unusable";
  // Nothing that was asked can be at fault.
  return status >= 500 ? "storage-temporary" : "storage-request-refused";
}

/** A listing that may miss something must not be concluded from. */
export function listFailed(why: string, cause?: Error): LifeboatError {
  return new LifeboatError(
    "storage-list-failed",
    `The Storage API's listing of a bucket cannot be relied on: ${why}.`,
    {
      ...(cause === undefined ? {} : { inside: cause.message }),
    },
  );
}
