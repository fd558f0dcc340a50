/** Descriptors that our own parent left open for whoever we start; Node closes only those that it opened itself. */
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";

const closesOnExec = 0o2000000;

/** From 3 on, for `stdio`: each inherited one becomes /dev/null. `close` is for after the start. */
export function shutDescriptors(): {
  readonly stdio: readonly (number | "ignore")[];
  readonly close: () => void;
} {
  const open = new Set(inheritable());
  const nothing = openSync("/dev/null", "r");
  const beyond = Math.max(2, ...open) - 2;
  return {
    // From 3 on, Node takes "ignore" for "as it is".
    stdio: Array.from({ length: beyond }, (_, index) => (open.has(index + 3) ? nothing : "ignore")),
    close: () => closeSync(nothing),
  };
}

function inheritable(): readonly number[] {
  return readdirSync("/proc/self/fdinfo")
    .map(Number)
    .filter((descriptor) => {
      try {
        const text = readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8");
        const flags = Number.parseInt(/^flags:\s+([0-7]+)/m.exec(text)?.[1] ?? "", 8);
        return (flags & closesOnExec) === 0;
      } catch {
        // The one by which the folder was read is closed by now.
        return false;
      }
    });
}
