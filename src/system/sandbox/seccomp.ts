/**
 * A filter of system calls for what runs isolated: the kernel's doors that no database needs are shut, so that neither a
 * new namespace nor a rarely used interface is a way out. In the form that bubblewrap's `--seccomp` reads: an array of
 * `struct sock_filter` of classic BPF.
 */

interface Machine {
  /** AUDIT_ARCH_*, by which the kernel says how the call was made; 32-bit calls on the same machine differ. */
  readonly audit: number;
  readonly clone: number;
  readonly socket: number;
  /** Calls that are refused whatever their arguments. */
  readonly refused: readonly number[];
}

/** Numbers that all machines share: io_uring, the newer mount calls, pidfd_getfd, process_madvise, quotactl_fd. */
const refusedEverywhere = [425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 440, 442, 443];
const clone3 = 435;

const machines: Readonly<Partial<Record<NodeJS.Architecture, Machine>>> = {
  x64: {
    audit: 0xc000003e,
    clone: 56,
    socket: 41,
    refused: [
      ...[101, 310, 311, 312], // ptrace, process_vm_readv, process_vm_writev, kcmp
      ...[248, 249, 250], // add_key, request_key, keyctl: a session keyring is inherited
      ...[298, 321, 323], // perf_event_open, bpf, userfaultfd
      ...[155, 161, 165, 166, 272, 308], // pivot_root, chroot, mount, umount2, unshare, setns
      ...[175, 176, 313, 246, 320, 169], // init_module, delete_module, finit_module, kexec_*, reboot
      ...[303, 304, 212, 300], // name_to_handle_at, open_by_handle_at, lookup_dcookie, fanotify_init
      ...[163, 167, 168, 179, 103], // acct, swapon, swapoff, quotactl, syslog
      ...[159, 164, 227, 305], // adjtimex, settimeofday, clock_settime, clock_adjtime
      ...[134, 135, 153, 154, 172, 173, 180], // uselib, personality, vhangup, modify_ldt, iopl, ioperm, nfsservctl
    ],
  },
  arm64: {
    audit: 0xc00000b7,
    clone: 220,
    socket: 198,
    refused: [
      ...[117, 270, 271, 272],
      ...[217, 218, 219],
      ...[241, 280, 282],
      ...[41, 51, 40, 39, 97, 268],
      ...[105, 106, 273, 104, 294, 142],
      ...[264, 265, 18, 262],
      ...[89, 224, 225, 60, 116],
      ...[171, 170, 112, 266],
      ...[92, 58, 42],
    ],
  },
};

/** AF_UNIX, AF_INET, AF_INET6, AF_NETLINK: all of them see only the namespace's own; AF_VSOCK and its like do not. */
const socketFamilies = [1, 2, 10, 16];
/** CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const newNamespaces = 0x7e020080;

const load = 0x20;
const jumpIfEqual = 0x15;
const jumpIfAtLeast = 0x35;
const jumpIfAnyBit = 0x45;
const answer = 0x06;
const allow = 0x7fff0000;
const kill = 0x80000000;
const errno = (number: number): number => 0x00050000 | number;
const [notPermitted, notImplemented, noSuchFamily] = [errno(1), errno(38), errno(97)];
/** Offsets in `struct seccomp_data`. */
const [callNumber, architecture, firstArgument] = [0, 4, 16];

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, value: number];

/** Undefined for a machine whose numbers are not known here. */
export function systemCallFilter(arch: NodeJS.Architecture): Uint8Array | undefined {
  const machine = machines[arch];
  if (machine === undefined) return undefined;
  const { audit, clone, socket, refused } = machine;
  const program: readonly Instruction[] = [
    [load, 0, 0, architecture],
    [jumpIfEqual, 1, 0, audit],
    [answer, 0, 0, kill],
    [load, 0, 0, callNumber],
    // The x32 calls of an x64 machine carry this bit.
    [jumpIfAtLeast, 0, 1, 0x40000000],
    [answer, 0, 0, kill],
    ...[...refused, ...refusedEverywhere].flatMap((call): Instruction[] => [
      [jumpIfEqual, 0, 1, call],
      [answer, 0, 0, notPermitted],
    ]),
    // Its flags lie in memory that a filter cannot read; the C library then falls back to clone.
    [jumpIfEqual, 0, 1, clone3],
    [answer, 0, 0, notImplemented],
    [jumpIfEqual, 0, 4, clone],
    [load, 0, 0, firstArgument],
    [jumpIfAnyBit, 0, 1, newNamespaces],
    [answer, 0, 0, notPermitted],
    [answer, 0, 0, allow],
    [jumpIfEqual, 1, 0, socket],
    [answer, 0, 0, allow],
    [load, 0, 0, firstArgument],
    ...socketFamilies.flatMap((family): Instruction[] => [
      [jumpIfEqual, 0, 1, family],
      [answer, 0, 0, allow],
    ]),
    [answer, 0, 0, noSuchFamily],
  ];
  const bytes = Buffer.alloc(program.length * 8);
  for (const [index, [code, ifTrue, ifFalse, value]] of program.entries()) {
    const at = index * 8;
    bytes.writeUInt16LE(code, at);
    bytes.writeUInt8(ifTrue, at + 2);
    bytes.writeUInt8(ifFalse, at + 3);
    bytes.writeUInt32LE(value, at + 4);
  }
  return bytes;
}
