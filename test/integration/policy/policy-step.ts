/** Actions from the sources as steps whose checkout has a policy, as a workflow would run them. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parse } from "yaml";
import { generateIdentity } from "../../../src/seal/identities.ts";
import { openStore } from "../../../src/store/open-store.ts";
import type { SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { readSnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { runStep, type StepEnd } from "../../support/step.ts";

const entry = resolve(import.meta.dirname, "../../support/action-from-source.ts");

export interface PolicyStep {
  readonly inputs?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}

export interface PolicyStepEnd extends StepEnd {
  /** All that anybody can read afterwards, without the runner's own `::add-mask::` lines. */
  readonly published: string;
}

export interface Checkout extends AsyncDisposable {
  readonly folder: string;
  /** Of the two recipients that `policy` writes. */
  readonly identity: string;
  readonly recipients: readonly string[];
  readonly workspace: string;
  /** Writes the policy: this text behind version and recipients. */
  policy(rest: string): Promise<void>;
  run(action: string, step: PolicyStep): Promise<PolicyStepEnd>;
  /** A folder below this one, for a store. */
  store(name: string): Promise<string>;
}

export async function openCheckout(): Promise<Checkout> {
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-policy-"));
  const workspace = join(folder, "workspace");
  const file = join(workspace, ".github/lifeboat.yml");
  await mkdir(dirname(file), { recursive: true });
  const created = new Date("2026-11-23T03:12:07Z");
  const keys = await Promise.all([1, 2].map(() => generateIdentity({ postQuantum: false, created })));
  const recipients = keys.map(({ recipient }) => recipient);
  return {
    folder,
    identity: keys[0]!.fileText,
    recipients,
    workspace,
    policy: (rest) => writeFile(file, `version: 1\nrecipients: [${recipients.join(", ")}]\n${rest}\n`),
    run: async (action, { inputs = {}, env = {} }) => {
      const end = await runStep({
        entry,
        args: [action],
        folder,
        inputs: { ...(await defaultsOf(action)), policy: ".github/lifeboat.yml", ...inputs },
        env,
      });
      const log = end.stdout.split("\n").filter((line) => !line.startsWith("::add-mask::"));
      const published = [...log, end.stderr, end.summary, JSON.stringify(end.outputs)].join("\n");
      return { ...end, published };
    },
    store: async (name) => {
      const path = join(folder, name);
      await mkdir(path, { recursive: true });
      return path;
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** What the runner hands over where a workflow gives nothing. */
async function defaultsOf(action: string): Promise<Record<string, string>> {
  const path = resolve(import.meta.dirname, `../../../actions/${action}/action.yml`);
  const { inputs } = parse(await readFile(path, "utf8")) as {
    readonly inputs: Readonly<Record<string, { readonly default?: string }>>;
  };
  return Object.fromEntries(
    Object.entries(inputs).flatMap(([name, { default: value }]) =>
      value === undefined || value.includes("${{") ? [] : [[name, value]],
    ),
  );
}

export async function snapshotsIn(folder: string, source: string): Promise<readonly SnapshotJson[]> {
  const store = openStore({ kind: "directory", path: folder }, { clock: systemClock, logger: silentLogger });
  const { snapshots } = await store.snapshots(source);
  return snapshots.map(({ id, snapshotJson }) => readSnapshotJson(snapshotJson, { source, id }));
}
