/** Opens the stores of a policy, or the one that was named instead. */
import type { Policy, PolicyStore } from "../policy/policy.ts";
import {
  openStore,
  parseStoreAddress,
  type StoreAddress,
  type StoreSurroundings,
} from "../store/open-store.ts";
import type { Store } from "../store/store.ts";
import type { InputReader } from "../runner/input-reader.ts";
import { addressOfStore } from "./policy-inputs.ts";

export interface PolicyStoreInputs {
  /** Instead of the policy's. */
  readonly address: StoreAddress | undefined;
  readonly token: string | undefined;
  readonly allowedBranches: readonly string[] | undefined;
}

export function policyStoreInputs(read: InputReader): PolicyStoreInputs {
  return {
    address: read.optional.parsed("store", parseStoreAddress),
    token: read.optional.secret("github-token"),
    allowedBranches: read.optional.list("allowed-branches"),
  };
}

export interface OpenedStore {
  readonly of: PolicyStore;
  readonly store: Store;
}

export function openPolicyStores(
  policy: Policy,
  { address, allowedBranches }: PolicyStoreInputs,
  surroundings: StoreSurroundings,
): readonly OpenedStore[] {
  const chosen = address === undefined ? policy.stores : [storeAt(address, policy)];
  return chosen.map((of) => {
    const branches = branchesOf(of);
    const github = {
      ...surroundings.github,
      allowedBranches: [...(allowedBranches ?? []), ...branches],
    };
    return { of, store: openStore(address ?? addressOfStore(of), { ...surroundings, github }) };
  });
}

/** The store that a step is about, and the policy's stores that get what it gets. */
export interface StoreOfPolicy {
  readonly of: PolicyStore;
  readonly address: StoreAddress;
  readonly further: readonly PolicyStore[];
}

export function firstStore({ stores }: Policy): StoreOfPolicy | undefined {
  const [of, ...further] = stores;
  return of === undefined ? undefined : { of, address: addressOfStore(of), further };
}

/** By its name in the policy or by any address. Who names a store means that one only, instead of the policy's. */
export function storeNamed(text: string, policy: Policy): StoreOfPolicy {
  const of = policy.stores.find(({ name }) => name === text);
  if (of !== undefined) return { of, address: addressOfStore(of), further: [] };
  const address = parseStoreAddress(text);
  return { of: storeAt(address, policy), address, further: [] };
}

export function branchesOf(store: PolicyStore): readonly string[] {
  return store.type === "github-artifacts" ? store.allowedBranches : [];
}

/** The policy's store at this address, with its own retention; else one that is asked for the common one. */
function storeAt(address: StoreAddress, { stores }: Policy): PolicyStore {
  const known = stores.find((store) => isSame(addressOfStore(store), address));
  if (known !== undefined) return known;
  switch (address.kind) {
    case "artifacts":
      return { name: "given", type: "github-artifacts", allowedBranches: [] };
    case "directory":
      return { name: "given", type: "directory", path: address.path };
    case "s3":
      return { name: "given", type: "s3", ...address, lock: {}, storageClass: {} };
  }
}

function isSame(one: StoreAddress, other: StoreAddress): boolean {
  if (one.kind === "artifacts") return other.kind === "artifacts";
  if (one.kind === "directory") return other.kind === "directory" && one.path === other.path;
  return other.kind === "s3" && one.bucket === other.bucket && one.prefix === other.prefix;
}
