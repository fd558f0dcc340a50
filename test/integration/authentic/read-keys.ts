/** A real store, and which of its files were read. */
import type { Store } from "../../../src/store/store.ts";

export interface ReadKeys extends Store {
  /** Sealed files whose bytes were asked for. */
  sealedRead(): readonly string[];
}

export function noting(store: Store): ReadKeys {
  const keys: string[] = [];
  const noted: Pick<ReadKeys, "read" | "sealedRead"> = {
    read: async (key, range) => {
      keys.push(key);
      return await store.read(key, range);
    },
    sealedRead: () => keys.filter((key) => key.endsWith(".age")),
  };
  return new Proxy(store, {
    get: (target, name) => {
      if (name in noted) return noted[name as keyof typeof noted];
      const value = Reflect.get(target, name) as unknown;
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  }) as ReadKeys;
}
