/**
 * Builds the one bundle that all actions and the command line share: `node scripts/build.ts [--out DIR]`.
 * A bundle can build green and crash when it starts, so what was built is started before it counts.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const root = resolve(import.meta.dirname, "..");
const compiled = join(root, "build/lib");
const largestBundleBytes = 5_000_000;
const expectedFiles = ["index.js", "licenses.txt", "package.json"];
const expectedExports = ["runAction", "runCli"];

/** Builds into `outFolder`, which is emptied first; throws with the reason if the result may not be shipped. */
export function buildBundle(outFolder: string): void {
  if (existsSync(outFolder) && readdirSync(outFolder).some((file) => !expectedFiles.includes(file))) {
    throw new Error(`${outFolder} holds files that are not a bundle's; it was not emptied.`);
  }
  rmSync(outFolder, { recursive: true, force: true });
  rmSync(compiled, { recursive: true, force: true });
  runTool("tsc", ["-p", "tsconfig.build.json", "--outDir", compiled]);
  // ncc's cache lives outside the project and would make a build depend on earlier ones.
  runTool("ncc", [
    "build",
    join(compiled, "main.js"),
    "--no-cache",
    "--license",
    "licenses.txt",
    "--out",
    outFolder,
  ]);
  // ncc's own minifying only shortens names; compressing as well takes another twelfth off.
  const bundle = join(outFolder, "index.js");
  runTool("terser", [bundle, "--module", "--compress", "--mangle", "--output", bundle]);
  checkBundle(outFolder);
}

function checkBundle(outFolder: string): void {
  const files = readdirSync(outFolder).sort();
  if (files.join() !== expectedFiles.join()) {
    throw new Error(`The bundle must be ${expectedFiles.join(", ")}, but it is ${files.join(", ")}.`);
  }
  const bytes = statSync(join(outFolder, "index.js")).size;
  if (bytes > largestBundleBytes) {
    throw new Error(
      `index.js has ${bytes} bytes; every job downloads it, so ${largestBundleBytes} is the limit.`,
    );
  }
  const exported = exportsOf(outFolder);
  const missing = expectedExports.filter((name) => !exported.includes(name));
  if (missing.length > 0) throw new Error(`The bundle does not export ${missing.join(" and ")}.`);
}

/** Starts the bundle as a consumer has it: alone, without node_modules beside it. */
function exportsOf(outFolder: string): string[] {
  const alone = mkdtempSync(join(tmpdir(), "bundle-"));
  try {
    cpSync(outFolder, alone, { recursive: true });
    const url = JSON.stringify(pathToFileURL(join(alone, "index.js")).href);
    const script = `import(${url}).then((bundle) => console.log(JSON.stringify(Object.keys(bundle))))`;
    const stdout = execFileSync(process.execPath, ["--input-type=module", "-e", script], { cwd: alone });
    return JSON.parse(stdout.toString()) as string[];
  } finally {
    rmSync(alone, { recursive: true });
  }
}

function runTool(name: string, args: readonly string[]): void {
  const program = join(root, "node_modules/.bin", name);
  const path = `${join(root, "node_modules/.bin")}:${process.env["PATH"] ?? ""}`;
  execFileSync(program, args, { cwd: root, stdio: "inherit", env: { ...process.env, PATH: path } });
}

if (import.meta.main) {
  if (!process.version.startsWith("v24.")) {
    throw new Error(`The runner executes Node 24, this is ${process.version}: use \`npm run build\`.`);
  }
  const { values } = parseArgs({ options: { out: { type: "string", default: "dist" } } });
  buildBundle(resolve(root, values.out));
}
