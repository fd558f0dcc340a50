import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { restoreApplication } from "../../../src/operations/restore-application.ts";
import { readProjectSettings } from "../../../src/snapshot/project-settings.ts";
import {
  type FakeProject,
  type ManagementServer,
  startManagementServer,
} from "../../fakes/management/index.ts";
import { bundle, canaries, fill, type Harbour, identities, oldRef, openHarbour } from "./projects.ts";

let server: ManagementServer;
let harbour: Harbour;
let project: FakeProject;
beforeEach(async () => {
  server = await startManagementServer();
  harbour = await openHarbour(server);
  project = server.addProject(oldRef);
  fill(project);
});
afterEach(async () => {
  await harbour[Symbol.asyncDispose]();
  await server.close();
});

/** project-settings.json as a person restores it. */
async function restored(): Promise<ReturnType<typeof readProjectSettings>> {
  const folder = join(harbour.folder, "restored");
  await mkdir(folder);
  const choice = { kind: "latest" } as const;
  await restoreApplication(
    { source: "application", choice, identities, folder, confirm: undefined, dryRun: false },
    harbour.around(),
  );
  return readProjectSettings(await readFile(join(folder, "project-settings.json")));
}

describe("a project's settings", () => {
  it("are all in the backup, functions byte for byte, and every level of verification passes", async () => {
    const { snapshot, findings, contents } = await harbour.backUp();
    expect(snapshot.files.map(({ name }) => name)).toEqual([
      "project-functions.tar.zst.age",
      "project-settings.json.zst.age",
      "contents.json.zst.age",
    ]);
    expect(contents.project).toMatchObject({ project: oldRef, withoutBody: 0, notReturned: 4 });
    expect(findings.map(({ code, level }) => [code, level])).toEqual([["project-secrets-not-kept", "info"]]);
    expect(findings[0]?.sentence).toContain("Needs a person: 4 secrets");
    for (const level of ["unsealed", "restored"] as const) {
      const { verdict, components } = await harbour.verify(level);
      expect([verdict, components.flatMap((one) => one.findings)]).toEqual(["passed", []]);
    }
    const document = await restored();
    expect(Object.keys(document.settings)).toEqual([
      "project",
      "auth",
      "third-party-auth",
      "signing-keys",
      "api-keys",
      "secrets",
      "data-api",
      "storage",
      "realtime",
      "postgres",
      "pooler",
      "network-restrictions",
      "ssl-enforcement",
      "vanity-subdomain",
      "add-ons",
      "functions",
    ]);
    expect(document.absent).toEqual(["sso-providers", "custom-hostname"]);
    expect(document.notReturned).toEqual([
      { setting: "auth", name: "external_google_secret" },
      { setting: "auth", name: "smtp_pass" },
      { setting: "secrets", name: canaries.secret },
      { setting: "secrets", name: "SECOND" },
    ]);
    const read = (slug: string) =>
      readFile(join(harbour.folder, "restored", "project-functions", `${slug}.eszip`));
    expect((await read(canaries.function)).equals(bundle("one", 300_000))).toBe(true);
    expect((await read("second")).equals(bundle("two", 10))).toBe(true);
    expect(document.functions.map(({ contentType }) => contentType)).toEqual([
      "application/vnd.denoland.eszip",
      "application/octet-stream",
    ]);
  });

  it("hold no value of a secret that the API does not return", async () => {
    await harbour.backUp();
    const text = JSON.stringify(await restored());
    for (const value of [canaries.secretValue, canaries.googleSecret, canaries.smtpPass])
      expect(text).not.toContain(value);
  });

  it("that the token may not read are told, by the API's own names only", async () => {
    server.faults.add({ matches: "/config/auth", effect: { kind: "status", status: 403 } });
    server.faults.add({ matches: "/billing/addons", effect: { kind: "status", status: 402 } });
    server.faults.add({ matches: `/${canaries.function}/body`, effect: { kind: "status", status: 404 } });
    const { findings } = await harbour.backUp();
    const told = findings.filter(({ level }) => level === "warning").map(({ sentence }) => sentence);
    expect(told).toEqual([
      "These settings of the project could not be read: auth (403), sso-providers (403), third-party-auth (403), signing-keys (403), add-ons (402).",
      "1 functions of the project are listed, but their bodies could not be read.",
    ]);
    expect((await restored()).withoutBody).toEqual([{ slug: canaries.function, status: 404 }]);
  });

  it("are refused before anything is stored where the token sees nothing", async () => {
    const refused = { code: "access-token-refused" };
    await expect(harbour.backUp("unknownprojectabcdef")).rejects.toMatchObject(refused);
    server.faults.add({ matches: "GET ", effect: { kind: "status", status: 403 } });
    await expect(harbour.backUp()).rejects.toMatchObject(refused);
    expect((await harbour.around().store.snapshots("application")).snapshots).toEqual([]);
  });

  it("leave nothing behind where a body cannot be had after the last try", async () => {
    server.faults.add({ matches: "/second/body", effect: { kind: "status", status: 503 } });
    await expect(harbour.backUp()).rejects.toMatchObject({ code: "project-api-unreachable" });
    expect((await harbour.around().store.snapshots("application")).snapshots).toEqual([]);
  });

  it("are not taken where a function's slug would be a path", async () => {
    project.functions.set("evil", {
      listing: { ...project.functions.get("second")!.listing, slug: "../evil" },
      bytes: Buffer.alloc(1),
      contentType: "x/y",
    });
    await expect(harbour.backUp()).rejects.toMatchObject({ code: "project-api-unusable" });
  });
});
