/** Buckets, applications and S3 by a policy, and the command line: the actions from the sources as steps. */
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { GetObjectRetentionCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startStorageServer, type StorageServer } from "../../fakes/storage/index.ts";
import { credentials, s3ServerProgram, type S3Server, startS3Server } from "../../support/s3-server.ts";
import { type Checkout, openCheckout, type PolicyStepEnd, snapshotsIn } from "./policy-step.ts";

const program = await s3ServerProgram();
const retention = "retention: { daily: 30d, monthly: 1y, yearly: 7y }\nwaive: [signing]";
const appEnvironment = "SESSION_SECRET=hunter2-and-more-of-it";
let checkout: Checkout;
let near: string;

beforeEach(async () => {
  checkout = await openCheckout();
  near = await checkout.store("near");
  await mkdir(join(checkout.workspace, "site/tmp"), { recursive: true });
  await writeFile(join(checkout.workspace, "site/index.html"), "<h1>Open all night</h1>");
  await writeFile(join(checkout.workspace, "site/tmp/scratch"), "nobody needs this");
  return () => checkout[Symbol.asyncDispose]();
});

const application =
  "app: { type: application, paths: [site], exclude: ['site/tmp/**'], env: { secret: APP_ENV } }";
const backUpApp = async (code: number, env: Readonly<Record<string, string>>, tiers = "daily") => {
  const end = await checkout.run("app-backup", { inputs: { bundle: "false", tiers }, env });
  expect(end.code, end.published).toBe(code);
  expect(end.published).not.toContain("hunter2");
  return end;
};

describe("an application", () => {
  test("has its paths, globs and environment file from the policy", async () => {
    await checkout.policy(
      `stores: { near: { type: directory, path: ${near} } }\nsources: { ${application} }\n${retention}`,
    );
    const missing = await backUpApp(2, {});
    expect(missing.summary).toContain("the policy names APP_ENV for it (sources.app.env), which is not set");
    const end = await backUpApp(0, { APP_ENV: appEnvironment });
    expect(end.outputs).toMatchObject({ source: "app", files: "1" });
    expect(end.stdout).toContain(`::add-mask::${appEnvironment}`);
    expect(end.summary).toContain("sealed by itself");
  });

  test("is backed up from a terminal by the same policy", async () => {
    await checkout.policy(
      `stores: { near: { type: directory, path: ${near} } }\nsources: { ${application} }\n${retention}`,
    );
    const cli = resolve(import.meta.dirname, "../../support/cli-from-source.ts");
    const args = [
      "backup",
      "application",
      "--policy",
      ".github/lifeboat.yml",
      "--source",
      "app",
      "--bundle",
      "false",
    ];
    const told = await promisify(execFile)(process.execPath, [cli, ...args], {
      cwd: checkout.workspace,
      env: { PATH: process.env["PATH"], APP_ENV: appEnvironment },
    });
    expect(told.stdout + told.stderr).not.toContain("hunter2");
    expect(await snapshotsIn(near, "app")).toHaveLength(1);
  });
});

describe("buckets", () => {
  let project: StorageServer;
  beforeAll(async () => {
    project = await startStorageServer();
    await project.addBucket("wards", {});
    for (const name of ["kept/one.png", "kept/two.png", "kept/not/three.png", "left/four.png"]) {
      await project.addObject("wards", { name, size: 1000, contentType: "image/png" });
    }
  });
  afterAll(() => project[Symbol.asyncDispose]());

  const backUp = async (
    code: number,
    inputs: Readonly<Record<string, string>>,
    env = {},
  ): Promise<PolicyStepEnd> => {
    await checkout.policy(
      `stores: { near: { type: directory, path: ${near} } }
sources:
  files:
    type: supabase-storage
    url: { secret: PROJECT }
    key: { secret: PROJECT_KEY }
    include: ["wards/kept/**"]
    exclude: ["wards/kept/not/**"]
    at-once: 2
${retention}`,
    );
    const end = await checkout.run("storage-backup", { inputs, env });
    expect(end.code, end.published).toBe(code);
    expect(end.published).not.toContain(project.serviceKey);
    return end;
  };

  test("have their project and choice from the policy, where the step does not choose", async () => {
    const env = { PROJECT: project.url, PROJECT_KEY: project.serviceKey };
    expect((await backUp(0, {}, env)).outputs).toMatchObject({ source: "files", objects: "2" });
    expect((await backUp(0, { include: "wards/**" }, env)).outputs).toMatchObject({ objects: "3" });
  });

  test("need the variables of both, which are told together; a job that joins shards needs neither", async () => {
    const missing = await backUp(2, {});
    expect(missing.summary).toContain("PROJECT for it (sources.files.url)");
    expect(missing.summary).toContain("PROJECT_KEY for it (sources.files.key)");
    const { identity } = checkout;
    const joining = await backUp(1, { join: "true", "shard-group": "run-1", "index-identity": identity });
    expect(joining.summary).not.toContain("PROJECT");
  });
});

describe.skipIf(program === undefined)("a bucket of the policy", () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3Server(program!);
  });
  afterAll(() => server.close());

  const keys = {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
  /** Mode, and days from now. */
  const locksIn = async (
    bucket: string,
    prefix: string,
  ): Promise<readonly (readonly [string | undefined, number])[]> => {
    const { Contents = [] } = await server.client.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }),
    );
    return await Promise.all(
      Contents.map(async ({ Key }) => {
        const asked = server.client.send(new GetObjectRetentionCommand({ Bucket: bucket, Key }));
        const lock = await asked.then(
          ({ Retention }) => Retention,
          () => undefined,
        );
        const days = ((lock?.RetainUntilDate?.getTime() ?? Number.NaN) - Date.now()) / 86_400_000;
        return [lock?.Mode, Math.round(days)] as const;
      }),
    );
  };

  test("locks by tier, whether it has the snapshot first or gets it from another store", async () => {
    const bucket = await server.bucket("lock");
    const archive = (prefix: string): string =>
      `{ type: s3, bucket: ${bucket}, prefix: ${prefix}, region: us-east-1, endpoint: "${server.endpoint}", lock: { daily: none, monthly: governance, yearly: compliance } }`;
    await checkout.policy(
      `stores:\n  first: ${archive("first")}\n  far: ${archive("far")}\nsources: { ${application} }\n${retention}`,
    );
    const env = { APP_ENV: appEnvironment, ...keys };
    for (const [tiers, mode, days] of [
      ["daily", undefined, Number.NaN],
      ["daily,monthly", "GOVERNANCE", 366],
      ["monthly,yearly", "COMPLIANCE", 7 * 366],
    ] as const) {
      const end = await backUpApp(0, env, tiers);
      expect(end.published).not.toContain(credentials.secretAccessKey);
      for (const store of ["first", "far"]) {
        const locks = await locksIn(bucket, `${store}/snapshots/app/${end.outputs["snapshot"]}/`);
        expect(locks.length).toBeGreaterThan(2);
        expect(new Set(locks.map(String))).toEqual(new Set([String([mode, days])]));
      }
    }
  });

  test("locks the packs that a longer-kept snapshot takes over from one that was not locked", async () => {
    const bucket = await server.bucket("lock");
    await using project = await startStorageServer();
    await project.addBucket("wards", {});
    await project.addObject("wards", { name: "one.png", size: 1000, contentType: "image/png" });
    await checkout.policy(
      `stores: { archive: { type: s3, bucket: ${bucket}, region: us-east-1, endpoint: "${server.endpoint}", profile: archive, lock: { monthly: governance } } }
sources: { files: { type: supabase-storage, url: "${project.url}", key: { secret: PROJECT_KEY } } }
${retention}`,
    );
    const file = join(checkout.folder, "aws-credentials");
    await writeFile(
      file,
      `[archive]\naws_access_key_id = ${credentials.accessKeyId}\naws_secret_access_key = ${credentials.secretAccessKey}\n`,
    );
    const backUp = async (tiers: string): Promise<PolicyStepEnd> => {
      const end = await checkout.run("storage-backup", {
        inputs: { tiers, "index-identity": checkout.identity },
        env: { PROJECT_KEY: project.serviceKey, AWS_SHARED_CREDENTIALS_FILE: file },
      });
      expect(end.code, end.published).toBe(0);
      return end;
    };
    expect((await backUp("daily")).outputs).toMatchObject({ "fetched-objects": "1" });
    expect(await locksIn(bucket, "packs/files/")).toEqual([[undefined, Number.NaN]]);
    expect((await backUp("monthly")).outputs).toMatchObject({ objects: "1", "fetched-objects": "0" });
    expect(await locksIn(bucket, "packs/files/")).toEqual([["GOVERNANCE", 367]]);
  });
});
