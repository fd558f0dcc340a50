/**
 * Runs a script of ours as another user of the machine, while the tests run as root: in a mount namespace of its own,
 * whose passwd and sudoers know that user, so that no trace stays on the machine.
 */
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { closeSync, existsSync, openSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

export type Who = "root" | "user" | "sudoer";

export const isRoot = process.getuid?.() === 0;
export const canSudo = existsSync("/usr/bin/sudo");

const project = resolve(import.meta.dirname, "../../..");
/** Another one for each test file: attacks signal everything that is theirs. */
const id = randomInt(20_000, 60_000);
const name = "lifeboat-tester";

/** `$1` is a folder with the files; the checkout may lie where only root may look, so it is shown elsewhere, too. */
const becoming = `
set -e
for file in passwd group shadow sudoers; do
  if [ -e "$1/$file" ]; then mount --bind "$1/$file" "/etc/$file"; fi
done
mount --bind "${project}" "$1/project"
cd "$1/project"
exec setpriv --reuid ${id} --regid ${id} --clear-groups -- "$2/bin/env" -i "PATH=$PATH" "\${@:3}"
`;

/** Beyond the first few, which Node does not hand on. */
const descriptor = 40;

export interface Place extends AsyncDisposable {
  readonly folder: string;
  readonly home: string;
  readonly runnerTemp: string;
}

/** Folders that belong to that user. */
export async function placeOf(who: Who): Promise<Place> {
  const folder = await mkdtemp("/tmp/lb-as-");
  await chmod(folder, 0o711);
  const [home, runnerTemp] = [join(folder, "home"), join(folder, "temp")];
  for (const [path, mode] of [
    [home, 0o700],
    [runnerTemp, 0o755],
  ] as const) {
    await mkdir(path);
    await chmod(path, mode);
    if (isRoot && who !== "root") await chown(path, id, id);
  }
  return {
    folder,
    home,
    runnerTemp,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

export interface AsWhom {
  readonly who: Who;
  readonly place: Place;
  readonly environment: Readonly<Record<string, string>>;
  /** Handed down as an open descriptor, whose number is in HANDED_DOWN. */
  readonly openFile?: string;
}

/** Runs one of the files beside this and returns what it printed as JSON. */
export async function runAs<T>(
  file: string,
  argument: unknown,
  { who, place, environment, openFile = "/dev/null" }: AsWhom,
): Promise<T> {
  const script = join("test/integration/sandbox", file);
  const node = "node_modules/.bin/node";
  const all = { ...environment, HANDED_DOWN: String(descriptor) };
  const env = { PATH: process.env["PATH"] ?? "", ...all };
  const plain = who === "root" || !isRoot;
  const files = await machineFiles(place.folder, who);
  const variables = Object.entries(all).map(([key, value]) => `${key}=${value}`);
  const [program, args] = plain
    ? [join(project, node), [join(project, script)]]
    : [
        "unshare",
        [
          ...["--mount", "--propagation", "private", "bash", "-c", becoming, "as-user", files, "/usr"],
          ...[...variables, node, script],
        ],
      ];
  const handed = openSync(openFile, "r");
  const child = spawn(program, [...args, JSON.stringify(argument)], {
    env,
    stdio: [
      "ignore",
      "pipe",
      "pipe",
      ...Array.from({ length: descriptor - 3 }, () => "ignore" as const),
      handed,
    ],
  });
  closeSync(handed);
  let [stdout, stderr] = ["", ""];
  child.stdout?.on("data", (bytes: Buffer) => (stdout += bytes.toString()));
  child.stderr?.on("data", (bytes: Buffer) => (stderr += bytes.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`${file} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}

async function machineFiles(parent: string, who: Who): Promise<string> {
  const folder = join(parent, "machine");
  if (existsSync(folder)) return folder;
  await mkdir(join(folder, "project"), { recursive: true });
  const copy = async (file: string, line: string, mode: number): Promise<void> => {
    await writeFile(join(folder, file), `${await readFile(`/etc/${file}`, "utf8")}${line}\n`, { mode });
  };
  await copy("passwd", `${name}:x:${id}:${id}::${join(parent, "home")}:/bin/sh`, 0o644);
  await copy("group", `${name}:x:${id}:`, 0o644);
  if (who !== "sudoer") return folder;
  await copy("shadow", `${name}:*:19000:0:99999:7:::`, 0o600);
  await writeFile(join(folder, "sudoers"), `root ALL=(ALL:ALL) ALL\n${name} ALL=(ALL:ALL) NOPASSWD: ALL\n`, {
    mode: 0o440,
  });
  return folder;
}
