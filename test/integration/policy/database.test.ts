/** db-backup and verify by a policy: a real server, stores in folders, the actions as steps. */
import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createClinic, major } from "../../scenarios/actions/clinic.ts";
import { startServer, type TestServer } from "../../support/servers.ts";
import { type Checkout, openCheckout, type PolicyStep, snapshotsIn } from "./policy-step.ts";

const pem = (): { readonly secret: string; readonly open: string } => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    secret: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    open: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
};
const signing = pem();
const indented = (text: string): string => text.trim().replaceAll(/^/gm, "  ");

describe.skipIf(major === undefined)("a policy", () => {
  let server: TestServer;
  let checkout: Checkout;
  let near: string;
  let far: string;
  beforeAll(async () => {
    server = await startServer(major!);
    await createClinic(server, "clinic_db");
    await server.createDatabase("other_db");
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    checkout = await openCheckout();
    [near, far] = [await checkout.store("near"), await checkout.store("far")];
    await checkout.policy(policyText());
    return () => checkout[Symbol.asyncDispose]();
  });

  const policyText = ({ more = `signer: |\n${indented(signing.open)}`, sources = "" } = {}): string =>
    `${more}
stores:
  near: { type: directory, path: ${near}, retention: { hourly: 2d, daily: 5d } }
  far: { type: directory, path: ${far}, retention: { monthly: 40d, yearly: 400d } }
sources:
  clinic: { type: postgres, url: { secret: CLINIC_URL }, every: 1h, jobs: 2 }
  bucket: { type: supabase-storage, url: { secret: PROJECT }, key: { secret: PROJECT_KEY } }
${sources}
retention: { hourly: 2d, daily: 30d, monthly: 1y, yearly: 7y }
keys: { rotate: 1y }`;
  const env = (): Record<string, string> => ({
    CLINIC_URL: server.url("clinic_db"),
    LIFEBOAT_SIGNING_KEY: signing.secret,
  });
  const backUp = async (code: number, step: PolicyStep = {}) => {
    const end = await checkout.run("db-backup", { ...step, env: { ...env(), ...step.env } });
    expect(end.code, end.published).toBe(code);
    for (const secret of [
      server.password,
      encodeURIComponent(server.password),
      signing.secret.split("\n")[1]!,
    ]) {
      expect(end.published).not.toContain(secret);
    }
    return end;
  };

  test("is enough: sealed, signed, copied to the store that keeps one of the tiers, and verified", async () => {
    const end = await backUp(0, { inputs: { tiers: "daily,monthly" } });
    expect(end.outputs).toMatchObject({ source: "clinic", "copied-to": `file://${far}`, "copy-failed": "" });
    const [made] = await snapshotsIn(near, "clinic");
    expect(made).toMatchObject({ id: end.outputs["snapshot"], tiers: ["daily", "monthly"] });
    expect(made!.recipients).toHaveLength(2);
    expect(await snapshotsIn(far, "clinic")).toEqual([made]);
    expect(end.published).not.toContain("::warning");
    for (const secret of [server.password.replaceAll("%", "%25"), signing.secret.split("\n")[1]!]) {
      expect(end.stdout).toContain(`::add-mask::${secret}\n`);
    }
    for (const store of ["", "far"]) {
      const verified = await checkout.run("verify", {
        inputs: { source: "clinic", identity: checkout.identity, ...(store === "" ? {} : { store }) },
        env: { LIFEBOAT_SIGNING_KEY: signing.secret },
      });
      expect(verified.code, verified.published).toBe(0);
      expect(verified.outputs).toMatchObject({ verdict: "passed", source: "clinic" });
      expect(verified.summary).toContain("| signature | 1 | ✅ passed |");
    }
  });

  test("goes only where it is asked for, by the pace of the source; the next one catches up what a store wants", async () => {
    const hourly = await backUp(0);
    expect((await snapshotsIn(near, "clinic")).map(({ tiers }) => tiers)).toEqual([["hourly"]]);
    expect(hourly.outputs["copied-to"]).toBeUndefined();
    const yearly = await backUp(0, { inputs: { tiers: "yearly" } });
    expect((await snapshotsIn(far, "clinic")).map(({ id }) => id)).toEqual([yearly.outputs["snapshot"]]);
  });

  test("names every variable that is missing, and how to add it, with all other problems", async () => {
    const end = await backUp(2, {
      inputs: { jobs: "99", tiers: "weekly" },
      env: { CLINIC_URL: "", LIFEBOAT_SIGNING_KEY: "" },
    });
    const [error] = end.commands.filter((line) => line.startsWith("::error"));
    expect(error).toContain("input-invalid");
    expect(error).toContain("the policy names CLINIC_URL for it (sources.clinic.url), which is not set");
    expect(error).toContain("CLINIC_URL: ${{ secrets.CLINIC_URL }}");
    expect(error).toContain("LIFEBOAT_SIGNING_KEY: ${{ secrets.LIFEBOAT_SIGNING_KEY }}");
    expect(error).toContain("input `jobs`");
    expect(error).toContain("keeps no weekly backups");
    expect(await snapshotsIn(near, "clinic")).toEqual([]);
  });

  test.each([
    ["bucket", '"bucket" is no database of the policy. Name one of: clinic.'],
    ["clinik", '"clinik" is no database of the policy. Name one of: clinic.'],
  ])("has no database %s, and says which it has", async (source, sentence) => {
    const end = await backUp(2, { inputs: { source } });
    expect(end.summary).toContain(sentence);
  });

  test("with several databases wants to know which", async () => {
    await checkout.policy(policyText({ sources: "  other: { type: postgres, url: { secret: OTHER_URL } }" }));
    const end = await backUp(2);
    expect(end.summary).toContain("Name one of: clinic, other.");
    const other = await backUp(0, {
      inputs: { source: "other" },
      env: { OTHER_URL: server.url("other_db") },
    });
    expect(other.outputs["source"]).toBe("other");
  });

  test("yields to what is given", async () => {
    const elsewhere = await checkout.store("elsewhere");
    const end = await backUp(0, {
      inputs: {
        "database-url": server.url("other_db"),
        store: `file://${elsewhere}`,
        recipients: checkout.recipients[0]!,
        waive: "second-recipient",
        tiers: "yearly",
        "signing-key": signing.secret,
      },
      env: { CLINIC_URL: "", LIFEBOAT_SIGNING_KEY: "" },
    });
    expect(end.outputs).toMatchObject({ tables: "0" });
    const [made] = await snapshotsIn(elsewhere, "clinic");
    expect(made!.recipients).toHaveLength(1);
    for (const store of [near, far]) expect(await snapshotsIn(store, "clinic")).toEqual([]);
  });

  test("that names signers takes no other key", async () => {
    const end = await backUp(2, { env: { LIFEBOAT_SIGNING_KEY: pem().secret } });
    expect(end.summary).toContain("belongs to none of the policy's signers");
  });

  test("expects a signature, and says so where there is none; a waiver is shown instead", async () => {
    const unsigned = { env: { LIFEBOAT_SIGNING_KEY: "" } };
    await checkout.policy(policyText({ more: "" }));
    const missing = await backUp(0, unsigned);
    expect(missing.summary).toContain("`signing-missing`");
    expect(missing.published).toContain("::warning");
    await checkout.policy(policyText({ more: "waive: [signing]" }));
    const waived = await backUp(0, unsigned);
    expect(waived.summary).not.toContain("signing-missing");
    expect(waived.summary).toContain("`policy-waived`");
    const verified = await checkout.run("verify", { inputs: { source: "clinic", level: "stored" } });
    expect(verified.summary).toContain("`policy-waived`");
  });

  test("that is broken or not there ends it before any work", async () => {
    await checkout.policy("sources: {}");
    expect((await backUp(2)).summary).toContain("lifeboat.yml");
    const absent = await backUp(2, { inputs: { policy: "nowhere.yml" } });
    expect(absent.summary).toContain("There is no file nowhere.yml");
  });
});
