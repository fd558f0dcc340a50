/** What two nights leave on the branch lifeboat-ledger, and who finds out when somebody edits or cuts it. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtBundle } from "../../support/bundle.ts";
import { runToEnd } from "../../support/run-to-end.ts";
import { runWorkflow, type WorkflowEnd } from "../../support/workflow-run/run.ts";
import type { TestServer } from "../../support/servers.ts";
import { insideNames } from "../actions/clinic.ts";
import { type Hospital, logOf, openHospital } from "./hospital.ts";

// No database, whose server's clock cannot be set: it says how old its backup is.
const noServer = { url: () => "" } as unknown as TestServer;

interface Row {
  readonly act: string;
  readonly source: string;
  readonly outcome?: string;
  readonly snapshot?: string;
  readonly by: { readonly name: string; readonly run?: string };
  readonly commit?: string;
  readonly heads: readonly object[];
  readonly witnessed: readonly string[];
}

let hospital: Hospital;
const snapshots: string[] = [];
beforeAll(async () => {
  hospital = await openHospital(noServer, ["application"]);
});
afterAll(() => hospital[Symbol.asyncDispose]());

const night = (name: string): Promise<WorkflowEnd> =>
  runWorkflow(`.github/workflows/${name}.yml`, hospital.world, { event: "schedule" });
const lifeboat = async (...args: readonly string[]) => {
  const { github } = hospital;
  return runToEnd([(await builtBundle()).cli, "ledger", ...args], {
    GITHUB_API_URL: github.apiUrl,
    GITHUB_REPOSITORY: github.repository,
    GITHUB_TOKEN: github.tokenWith({ contents: "read" }),
  });
};
const records = async (): Promise<readonly Row[]> => {
  const { output } = await lifeboat("show", "--json");
  return (JSON.parse(output) as { readonly records: readonly Row[] }).records;
};
const open = (): readonly string[] =>
  hospital.github.rest.issues.issues.filter(({ state }) => state === "open").map(({ title }) => title);

test("each backup, verification and pruning is there, with who, from what, and how it ended", async () => {
  for (const hours of [50, 0]) {
    hospital.hoursAgo(hours);
    const end = await night("backup");
    expect(end.result, logOf(end)).toBe("success");
    snapshots.push(end.jobs["application"]!.runs[0]!.steps.at(-1)!.outputs["snapshot"]!);
    // What was stored for a month is now wanted for a day.
    await hospital.changePolicy((text) => text.replace("daily: 30d", "daily: 1d"));
  }
  const rows = await records();
  const [first, second] = snapshots;
  expect(rows.map(({ act, outcome, snapshot }) => [act, outcome, snapshot])).toEqual([
    ["app-backup", "success", first],
    ["verify", "success", first],
    ["app-backup", "success", second],
    ["verify", "success", second],
    // Before the first snapshot goes, and after.
    ["prune", undefined, undefined],
    ["prune", "success", undefined],
  ]);
  for (const row of rows) {
    expect(row).toMatchObject({ source: "application", by: { name: "octocat" }, commit: "0".repeat(40) });
    expect(row.by.run).toMatch(/^https:\/\/github\.com\/acme\/lifeboat\/actions\/runs\/\d+$/);
  }
  expect(rows[2]!.heads).toMatchObject([{ id: second }]);
  // Evidence of both verifications, and the tombstone.
  expect(rows.map(({ witnessed }) => witnessed.length)).toEqual([0, 1, 0, 1, 1, 0]);
  const whole = await lifeboat("verify");
  expect(whole, whole.output).toMatchObject({ code: 0 });
  expect(whole.output).toContain("The 6 records of acme/lifeboat@lifeboat-ledger form a whole chain.");
  expect(JSON.stringify([...hospital.github.rest.ledger.files.values()].map(String))).not.toMatch(
    insideNames,
  );
  const csv = await lifeboat("export", "--csv");
  expect(csv.output.trimEnd().split("\n")).toHaveLength(1 + 6);
});

test.each<[string, (lines: string[]) => string[], number]>([
  ["edited", (lines) => lines.map((line, at) => (at === 1 ? line.replace("octocat", "mallory") : line)), 3],
  ["taken out", (lines) => lines.filter((_, at) => at !== 1), 3],
  // The chain is whole: only the second snapshot, which saw the second record, knows better.
  ["cut off at its end", (lines) => lines.slice(0, 1), 0],
])(
  "a record that was %s turns the monitor red, and is well again when it is back",
  async (_, change, code) => {
    const { files } = hospital.github.rest.ledger;
    const before = new Map(files);
    expect((await night("monitor")).result).toBe("success");
    const lines = [...files.values()].map(String).join("").trimEnd().split("\n");
    const [path] = [...files.keys()];
    files.set(path!, Buffer.from(`${change(lines).join("\n")}\n`));
    expect((await lifeboat("verify")).code).toBe(code);
    const end = await night("monitor");
    expect(end.result, logOf(end)).toBe("failure");
    expect(open()).toContain("Lifeboat: the ledger is broken");
    for (const [name, bytes] of before) files.set(name, bytes);
    const well = await night("monitor");
    expect(well.result, logOf(well)).toBe("success");
    expect(open()).toEqual([]);
  },
);
