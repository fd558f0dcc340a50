/** What S3 and its compatibles answer when they do not do it, as errors with a cure. */
import { type ErrorCode, LifeboatError } from "../errors.ts";

/** One request: the right that AWS asks for, and what failed if it fails in a way that nobody foresaw. */
export interface Act {
  /** `s3:PutObject` */
  readonly right: string;
  readonly kind: "list" | "read" | "write";
}

const failed: Record<Act["kind"], ErrorCode> = {
  list: "store-list-failed",
  read: "store-read-failed",
  write: "store-write-failed",
};

const temporaryNames =
  /^(SlowDown|InternalError|ServiceUnavailable|RequestTimeout|Throttling|ThrottlingException|TooManyRequests|RequestLimitExceeded|BandwidthLimitExceeded|OperationAborted|ConditionalRequestConflict|TimeoutError|AbortError|BadDigest|XAmzContentSHA256Mismatch|IncompleteBody|XAmzContentChecksumMismatch|503|500)$/;
const temporarySystemCodes =
  /^(ECONNRESET|ECONNREFUSED|ECONNABORTED|EPIPE|ETIMEDOUT|EAI_AGAIN|ENOTFOUND|ENETUNREACH|EHOSTUNREACH|ERR_STREAM_PREMATURE_CLOSE|ERR_STREAM_DESTROYED|HPE_[A-Z_]+|ERR_SSL_[A-Z_]+)$/;
const quotaNames =
  /^(QuotaExceeded|InsufficientStorage|XMinioStorageFull|EntityTooLarge|StorageCapExceeded)$/i;

/** The SDK's error, whose status and name say what happened. */
export interface S3Answer {
  readonly name: string;
  readonly status: number | undefined;
  readonly systemCode: string | undefined;
  readonly message: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

export function answerOf(thrown: unknown): S3Answer {
  const fields = (typeof thrown === "object" && thrown !== null ? thrown : {}) as {
    name?: unknown;
    Code?: unknown;
    code?: unknown;
    message?: unknown;
    $metadata?: { httpStatusCode?: number };
    $response?: { headers?: Record<string, string | undefined>; statusCode?: number };
  };
  const text = (value: unknown): string | undefined =>
    typeof value === "string" && value !== "" ? value : undefined;
  return {
    name: text(fields.name) ?? text(fields.Code) ?? "Error",
    status: fields.$metadata?.httpStatusCode ?? fields.$response?.statusCode,
    systemCode: text(fields.code),
    message: text(fields.message) ?? "no further words",
    headers: fields.$response?.headers ?? {},
  };
}

/** What was asked for is not there; other things may be missing too, and those answers have other names. */
export function isMissing(thrown: unknown): boolean {
  const { name, status } = answerOf(thrown);
  // An answer to HEAD has no body, so no name of its own.
  return (
    status === 404 && /^(NoSuchKey|NoSuchVersion|NoSuchUpload|NotFound|Unknown(Error)?|Error|404)$/.test(name)
  );
}

/** A condition (`If-None-Match`, `If-Match`) did not hold. */
export function isConditionFailed(thrown: unknown): boolean {
  return answerOf(thrown).status === 412;
}

/** What a server does not know: nothing was done, and the request may be sent without it. */
export function unknownFeature(thrown: unknown): "checksum" | "condition" | undefined {
  const { name, status, message } = answerOf(thrown);
  const unknown = status === 501 || name === "NotImplemented" || name === "InvalidArgument" || status === 400;
  if (!unknown) return undefined;
  if (/x-amz-(sdk-)?checksum|checksum algorithm|unsupported header/i.test(message)) return "checksum";
  if (/if-none-match|conditional/i.test(message) || status === 501) return "condition";
  return undefined;
}

export function refusal(thrown: unknown, act: Act, bucket: string): LifeboatError {
  if (thrown instanceof LifeboatError) return thrown;
  const answer = answerOf(thrown);
  return (
    surroundings(answer, bucket, thrown) ??
    permission(answer, act, bucket, thrown) ??
    temporary(answer, thrown) ??
    new LifeboatError(failed[act.kind], `The bucket ${bucket} refused: ${wordsOf(answer)}.`, {
      cause: thrown,
    })
  );
}

function surroundings(answer: S3Answer, bucket: string, cause: unknown): LifeboatError | undefined {
  const { name, status, message, headers } = answer;
  const unusable = (sentence: string, hint: string): LifeboatError =>
    new LifeboatError("input-invalid", sentence, { hint, cause });
  if (name === "NoSuchBucket") {
    return unusable(
      `There is no bucket ${bucket} at this endpoint.`,
      "Make it, or correct the store's address.",
    );
  }
  const region = headers["x-amz-bucket-region"];
  if (status === 301 || status === 307 || /^(PermanentRedirect|AuthorizationHeaderMalformed)$/.test(name)) {
    const right = region ?? /expecting '([a-z0-9-]+)'/.exec(message)?.[1];
    return unusable(
      `The bucket ${bucket} is in another region${right === undefined ? "" : `: ${right}`}.`,
      `Add ?region=${right ?? "…"} to the store's address.`,
    );
  }
  if (/region is missing/i.test(message)) {
    return unusable(
      "Nobody said in which region the bucket is.",
      "Add ?region=… to the address, or set AWS_REGION.",
    );
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/.test(answer.systemCode ?? "")) {
    return unusable(
      `The endpoint's certificate is not trusted (${answer.systemCode ?? ""}).`,
      "Name the authority's certificate in NODE_EXTRA_CA_CERTS.",
    );
  }
  if (name === "RequestTimeTooSkewed") {
    return new LifeboatError("store-clock-skew", "This machine's clock and the store's differ too much.", {
      cause,
    });
  }
  if (quotaNames.test(name) || status === 507) {
    const code = name === "EntityTooLarge" ? "store-write-failed" : "store-full";
    return new LifeboatError(code, `The bucket ${bucket} takes no more: ${name}.`, {
      hint: "Run `lifeboat prune`, free space, or raise the quota.",
      cause,
    });
  }
  return undefined;
}

function permission(answer: S3Answer, act: Act, bucket: string, cause: unknown): LifeboatError | undefined {
  const { name, status, message } = answer;
  const denied = (sentence: string, hint: string): LifeboatError =>
    new LifeboatError("store-permission-missing", sentence, { hint, cause });
  if (
    /Credentials(Provider)?Error|CredentialsProvider/.test(name) ||
    /could not load credentials/i.test(message)
  ) {
    return denied(
      "No credentials for S3 were found, or they could not be fetched.",
      "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, take a role by OIDC before this step, or name AWS_PROFILE.",
    );
  }
  if (/^(ExpiredToken|ExpiredTokenException|TokenRefreshRequired|RequestExpired)$/.test(name)) {
    return denied(
      "The credentials for S3 have expired.",
      "Take them right before this step, and for longer than it lasts (role-duration-seconds).",
    );
  }
  if (
    /^(InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|InvalidClientTokenId|UnrecognizedClientException)$/.test(
      name,
    )
  ) {
    return denied(
      `The store does not accept the credentials (${name}).`,
      "Check both keys, and that they belong to this endpoint.",
    );
  }
  if (status === 401 || status === 403 || name === "AccessDenied") {
    return denied(
      `The credentials may not ${act.right} in the bucket ${bucket}.`,
      `Allow ${act.right} in the policy of the user or role; docs/s3.md has the smallest policies that work.`,
    );
  }
  return undefined;
}

function temporary(answer: S3Answer, cause: unknown): LifeboatError | undefined {
  const { name, status, systemCode = "", message } = answer;
  const busy =
    temporaryNames.test(name) ||
    temporarySystemCodes.test(systemCode) ||
    status === 408 ||
    status === 409 ||
    status === 429 ||
    (status !== undefined && status >= 500 && status !== 501) ||
    // An answer that was cut or garbled on its way cannot be parsed.
    /deseriali[sz]ation|socket hang up|aborted|unclosed tag|unexpected (end|eof)|not (valid|well-formed) xml/i.test(
      message,
    ) ||
    (cause instanceof SyntaxError && status !== undefined);
  if (!busy) return undefined;
  return new LifeboatError("store-temporary", `The store did not answer: ${wordsOf(answer)}.`, { cause });
}

function wordsOf({ name, status, systemCode }: S3Answer): string {
  const words = systemCode ?? name;
  return status === undefined ? words : `${words}, status ${status}`;
}
