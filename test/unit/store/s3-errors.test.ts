import { expect, it } from "vitest";
import { isMissing, refusal, unknownFeature } from "../../../src/store/s3-errors.ts";

const act = { right: "s3:PutObject", kind: "write" } as const;

function answer(status: number | undefined, name: string, details: Record<string, unknown> = {}): Error {
  return Object.assign(new Error("words"), {
    name,
    ...(status === undefined ? {} : { $metadata: { httpStatusCode: status } }),
    ...details,
  });
}

it.each([
  [answer(404, "NoSuchBucket"), "input-invalid", "no bucket kn-backups"],
  [
    answer(301, "PermanentRedirect", { $response: { headers: { "x-amz-bucket-region": "eu-west-3" } } }),
    "input-invalid",
    "eu-west-3",
  ],
  [
    answer(400, "AuthorizationHeaderMalformed", {
      message: "the region 'a' is wrong; expecting 'eu-west-3'",
    }),
    "input-invalid",
    "eu-west-3",
  ],
  [new Error("Region is missing"), "input-invalid", "which region"],
  [answer(undefined, "Error", { code: "SELF_SIGNED_CERT_IN_CHAIN" }), "input-invalid", "not trusted"],
  [answer(403, "AccessDenied"), "store-permission-missing", "s3:PutObject"],
  [answer(403, "ExpiredToken"), "store-permission-missing", "expired"],
  [answer(400, "ExpiredToken"), "store-permission-missing", "expired"],
  [answer(403, "SignatureDoesNotMatch"), "store-permission-missing", "does not accept"],
  [answer(undefined, "CredentialsProviderError"), "store-permission-missing", "No credentials"],
  [answer(403, "RequestTimeTooSkewed"), "store-clock-skew", "clock"],
  [answer(507, "XMinioStorageFull"), "store-full", "takes no more"],
  [answer(503, "SlowDown"), "store-temporary", "SlowDown, status 503"],
  [answer(400, "RequestTimeout"), "store-temporary", "RequestTimeout"],
  [answer(409, "ConditionalRequestConflict"), "store-temporary", "Conflict"],
  [answer(undefined, "Error", { code: "ECONNRESET" }), "store-temporary", "ECONNRESET"],
  [answer(400, "InvalidPart"), "store-write-failed", "InvalidPart"],
] as const)("explains %s", (thrown, code, words) => {
  const error = refusal(thrown, act, "kn-backups");
  expect(error.code).toBe(code);
  expect(`${error.message} ${error.hint}`).toContain(words);
});

it("takes a 404 for a missing object only where the answer says so", () => {
  expect(isMissing(answer(404, "NoSuchKey"))).toBe(true);
  expect(isMissing(answer(404, "NotFound"))).toBe(true);
  expect(isMissing(answer(404, "NoSuchBucket"))).toBe(false);
  expect(isMissing(answer(404, "XAdminUserNotFound"))).toBe(false);
});

it("knows what a server does not know", () => {
  expect(unknownFeature(answer(501, "NotImplemented"))).toBe("condition");
  expect(
    unknownFeature(
      answer(501, "NotImplemented", { message: "Header 'x-amz-checksum-algorithm' is not implemented" }),
    ),
  ).toBe("checksum");
  expect(unknownFeature(answer(400, "InvalidArgument"))).toBeUndefined();
  expect(unknownFeature(answer(403, "AccessDenied", { message: "x-amz-checksum-sha256" }))).toBeUndefined();
});
