/** Object Lock: until when a stored version may not be removed. Never shortened, never loosened. */
import { LifeboatError } from "../errors.ts";
import type { LockMode } from "./s3-by-tier.ts";
import { answerOf, isMissing } from "./s3-errors.ts";
import { explained, type S3Requests } from "./s3-requests.ts";

export interface Lock {
  readonly mode: LockMode;
  readonly until: Date;
}

const retentionRead = { right: "s3:GetObjectRetention", kind: "read" } as const;
const retentionWrite = { right: "s3:PutObjectRetention", kind: "write" } as const;
const configurationRead = { right: "s3:GetBucketObjectLockConfiguration", kind: "read" } as const;

/** Refuses a bucket without Object Lock before any work; who may not ask, learns it with the first locked file. */
export async function checkLockable(requests: S3Requests): Promise<void> {
  try {
    const { ObjectLockConfiguration } = await requests.ask(configurationRead, ({ sdk, client, signal }) =>
      client.send(new sdk.GetObjectLockConfigurationCommand({ Bucket: requests.bucket }), {
        abortSignal: signal,
      }),
    );
    if (ObjectLockConfiguration?.ObjectLockEnabled === "Enabled") return;
  } catch (thrown) {
    const { name, status } = answerOf(thrown);
    if (status === 403 || status === 501) return;
    if (name !== "ObjectLockConfigurationNotFoundError" && !isMissing(thrown)) {
      await explained(requests, configurationRead, Promise.reject(thrown as Error));
    }
  }
  throw new LifeboatError("input-invalid", `The bucket ${requests.bucket} has no Object Lock.`, {
    hint: "Make a bucket with Object Lock (it can be switched on later on AWS too), or leave out lock= in the address.",
  });
}

/** The lock of the current version, as far as the store and the credentials tell. */
export async function lockOf(
  requests: S3Requests,
  key: string,
  versionId?: string,
): Promise<Lock | undefined> {
  try {
    const { Retention } = await requests.ask(retentionRead, ({ sdk, client, signal }) =>
      client.send(
        new sdk.GetObjectRetentionCommand({
          Bucket: requests.bucket,
          Key: requests.full(key),
          ...(versionId === undefined ? {} : { VersionId: versionId }),
        }),
        { abortSignal: signal },
      ),
    );
    if (Retention?.Mode === undefined || Retention.RetainUntilDate === undefined) return undefined;
    return {
      mode: Retention.Mode === "COMPLIANCE" ? "compliance" : "governance",
      until: Retention.RetainUntilDate,
    };
  } catch (thrown) {
    if (
      /^(NoSuchObjectLockConfiguration|ObjectLockConfigurationNotFoundError|InvalidRequest|NotImplemented|MethodNotAllowed)$/.test(
        answerOf(thrown).name,
      )
    ) {
      return undefined;
    }
    if (isMissing(thrown)) return undefined;
    return await explained(requests, retentionRead, Promise.reject(thrown as Error));
  }
}

/**
 * Locks one version until at least `until`, and asks the store whether it did. What is locked already keeps its mode:
 * changing it, even to the stricter one, takes the right to bypass governance, which no backup should have.
 */
export async function lockUntil(
  requests: S3Requests,
  key: string,
  wanted: Lock,
  versionId?: string,
): Promise<void> {
  const present = await lockOf(requests, key, versionId);
  const mode = present?.mode ?? wanted.mode;
  if (present !== undefined && covers(present, { ...wanted, mode })) return;
  const until = present !== undefined && present.until > wanted.until ? present.until : wanted.until;
  const setting = requests.ask(retentionWrite, ({ sdk, client, signal }) =>
    client.send(
      new sdk.PutObjectRetentionCommand({
        Bucket: requests.bucket,
        Key: requests.full(key),
        ...(versionId === undefined ? {} : { VersionId: versionId }),
        Retention: { Mode: mode === "compliance" ? "COMPLIANCE" : "GOVERNANCE", RetainUntilDate: until },
      }),
      { abortSignal: signal },
    ),
  );
  await explained(requests, retentionWrite, setting);
  const now = await lockOf(requests, key, versionId);
  if (now !== undefined && covers(now, { ...wanted, mode })) return;
  throw new LifeboatError("store-write-unproven", `${key} was locked, but the store does not show the lock.`);
}

function covers(present: Lock, wanted: Lock): boolean {
  // The store keeps whole seconds.
  const longEnough = present.until.getTime() >= Math.floor(wanted.until.getTime() / 1000) * 1000;
  return longEnough && (present.mode === "compliance" || wanted.mode === "governance");
}
