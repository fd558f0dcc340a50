/**
 * Makes a fresh clone ready: `node scripts/ensure-ready.js demo|test`. Plain JavaScript, because it runs before
 * anything is installed, on the machine's own Node (18 or later).
 * It says what it installs, and where it may not install, it names the command and ends.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const isRoot = process.getuid?.() === 0;
const localNode = join(root, "node_modules/.bin/node");

const programs = {
  postgresql: {
    isThere: () => postgresFolders().some(hasServerAndClient),
    // Fedora and Alpine keep pgcrypto and its like in packages of their own.
    packages: {
      "apt-get": ["postgresql"],
      dnf: ["postgresql-server", "postgresql-contrib"],
      apk: ["postgresql", "postgresql-contrib"],
      brew: ["postgresql@17"],
    },
  },
  // Isolates what a backup contains; only Linux has it.
  bubblewrap: {
    isThere: () => process.platform !== "linux" || onPath("bwrap"),
    packages: everywhere("bubblewrap"),
  },
  zstd: { isThere: () => onPath("zstd"), packages: everywhere("zstd") },
  age: { isThere: () => onPath("age"), packages: everywhere("age") },
};

const purposes = {
  demo: { programs: ["postgresql", "zstd", "bubblewrap"], script: "scripts/demo.ts" },
  test: { programs: ["postgresql", "zstd", "age", "bubblewrap"], script: undefined },
};

const purpose = purposes[process.argv[2]];
if (purpose === undefined) fail("Say for what: node scripts/ensure-ready.js demo|test");
ensureNodeModules();
ensurePrograms(purpose.programs);
if (purpose.script !== undefined) {
  const args = [join(root, purpose.script), ...process.argv.slice(3)];
  const child = spawn(localNode, args, { stdio: "inherit" });
  // A Ctrl-C reaches the script too, which cleans up; we wait for it.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  child.on("close", (code) => (process.exitCode = code ?? 1));
}

function ensureNodeModules() {
  if (isInstalled()) return;
  say("Installing the packages of package-lock.json: npm ci");
  // npm runs its scripts with this variable; without it we were started by hand.
  const npm = process.env.npm_execpath;
  const [program, args] = npm?.endsWith(".js") ? [process.execPath, [npm]] : ["npm", []];
  const done = spawnSync(program, [...args, "ci", "--no-audit", "--no-fund"], {
    cwd: root,
    stdio: "inherit",
  });
  if (done.status !== 0 || !isInstalled()) fail("npm ci did not succeed; its words are above.");
}

/** Whether node_modules holds what package-lock.json asks for (optional packages of other platforms aside). */
function isInstalled() {
  const installed = join(root, "node_modules/.package-lock.json");
  if (!existsSync(installed) || !existsSync(localNode)) return false;
  const wanted = packagesOf(join(root, "package-lock.json"));
  const there = packagesOf(installed);
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === "" || optional || there[path]?.version === version,
  );
}

function packagesOf(lock) {
  return JSON.parse(readFileSync(lock, "utf8")).packages;
}

function ensurePrograms(names) {
  const missing = names.filter((name) => !programs[name].isThere());
  if (missing.length === 0) return;
  const manager = Object.keys(programs.zstd.packages).find(onPath);
  if (manager === undefined) {
    fail(`Please install ${missing.join(", ")}: no package manager that this script knows is here.`);
  }
  const packages = missing.flatMap((name) => programs[name].packages[manager]);
  const commands = installCommands(manager, packages);
  const shown = commands.map((command) =>
    [...(manager === "brew" || isRoot ? [] : ["sudo"]), ...command].join(" "),
  );
  const prefix = rightToInstall(manager);
  if (prefix === undefined) fail(`${missing.join(", ")} missing. Please run:\n\n  ${shown.join(" && ")}\n`);
  say(`Installing ${missing.join(", ")}: ${shown.join(" && ")}`);
  for (const command of commands) {
    const [program, ...args] = [...prefix, ...command];
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    // stdin is nobody's, so that no question can hang.
    spawnSync(program, args, { stdio: ["ignore", "ignore", "inherit"], env });
  }
  const still = names.filter((name) => !programs[name].isThere());
  if (still.length > 0) fail(`${still.join(", ")} still missing. Please run:\n\n  ${shown.join(" && ")}\n`);
}

function installCommands(manager, packages) {
  if (manager === "apt-get") {
    return [
      ["apt-get", "update"],
      ["apt-get", "install", "-y", "--no-install-recommends", ...packages],
    ];
  }
  if (manager === "apk") return [["apk", "add", ...packages]];
  return [[manager, "install", ...(manager === "dnf" ? ["-y"] : []), ...packages]];
}

/** What to put before a command so that it may install; undefined where it may not without asking. */
function rightToInstall(manager) {
  if (manager === "brew" || isRoot) return [];
  const sudo = spawnSync("sudo", ["-n", "true"], { stdio: "ignore" });
  return sudo.status === 0 ? ["sudo", "-n"] : undefined;
}

function everywhere(name) {
  return { "apt-get": [name], dnf: [name], apk: [name], brew: [name] };
}

function onPath(program) {
  return (process.env.PATH ?? "").split(":").some((folder) => existsSync(join(folder, program)));
}

function postgresFolders() {
  const versions = (parent, after) =>
    existsSync(parent) ? readdirSync(parent).map((name) => join(parent, name, after)) : [];
  return [
    ...versions("/usr/lib/postgresql", "bin"),
    ...["", "-13", "-14", "-15", "-16", "-17", "-18"].map((suffix) => `/usr/pgsql${suffix}/bin`),
    ...["/opt/homebrew/opt", "/usr/local/opt", "/usr/libexec"].flatMap((parent) => [
      ...versions(parent, "bin"),
      ...versions(parent, "."),
    ]),
    "/usr/bin",
  ];
}

function hasServerAndClient(folder) {
  return ["initdb", "postgres", "pg_dump", "psql"].every((program) => existsSync(join(folder, program)));
}

function say(sentence) {
  process.stderr.write(`${sentence}\n`);
}

function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(2);
}
