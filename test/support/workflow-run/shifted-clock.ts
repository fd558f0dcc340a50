/** Loaded before an action by NODE_OPTIONS: its clock goes right, but is set to another time, and so are its disks. */
import { open } from "node:fs/promises";

const shift = Number(process.env["TEST_CLOCK_SHIFT_MS"]);
const RealDate = Date;

class ShiftedDate extends RealDate {
  constructor(...given: readonly unknown[]) {
    if (given.length === 0) super(RealDate.now() + shift);
    else super(...(given as [number]));
  }

  static override now(): number {
    return RealDate.now() + shift;
  }
}

globalThis.Date = ShiftedDate as DateConstructor;

// A machine that is set back as a whole: a folder's clock is read by writing a file and looking at its date.
const file = await open(import.meta.filename);
const handle = Object.getPrototypeOf(file) as {
  stat: (this: unknown, ...given: unknown[]) => Promise<{ mtime: Date }>;
};
const stat = handle.stat;
handle.stat = async function (...given: unknown[]) {
  const entry = await stat.apply(this, given);
  entry.mtime = new RealDate(entry.mtime.getTime() + shift);
  return entry;
};
await file.close();
