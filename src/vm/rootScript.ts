/** A script that runs as root over an image's files, and how it is run. */
import type { FolderNode, TreeNode } from "../tree/node.js";

/** As a spec asks for it. */
export interface RootScriptSpec {
  readonly text: string;
  /** Of the machine, in MiB. */
  readonly memory: number;
  /** Of what the script writes, and what is copied to the root, in MiB. */
  readonly diskSize: number;
}

export interface RootScript extends RootScriptSpec {
  /** What is below; nothing in it is changed. */
  readonly lower: FolderNode;
  /** What is on top already. */
  readonly upper: FolderNode;
  /** Store paths that are there while it runs, by their names in the store's directory. */
  readonly store: ReadonlyMap<string, TreeNode>;
  readonly storeDir: string;
  /** Unix seconds, of what has no time of its own. */
  readonly mtime: number;
}

/** `machine`: a virtual machine, which needs no privilege. `namespace`: namespaces of this system. */
export const ISOLATIONS = ["machine", "namespace"] as const;
export type Isolation = (typeof ISOLATIONS)[number];

/** `tcg`: the processor is emulated. `kvm`: it helps. */
export const ACCELERATIONS = ["kvm", "tcg"] as const;
export type Acceleration = (typeof ACCELERATIONS)[number];

/** How scripts are run; nothing here changes their result. */
export interface RootScriptOptions {
  /** Default: a virtual machine. */
  readonly isolation?: Isolation | undefined;
  /** The most seconds that it may run; default: 3600. */
  readonly timeLimit?: number | undefined;
  /** Whether the script has network access; default: no. */
  readonly network?: boolean | undefined;
  /** The machine's kernel: its file, or the folder that its package was unpacked into. `LAMINIX_VM_KERNEL`, or this system's, unless given. */
  readonly kernel?: string | undefined;
  /** A static busybox. `LAMINIX_VM_BUSYBOX`, or one in PATH, unless given. */
  readonly busybox?: string | undefined;
  /** Default: kvm if it works, else tcg. */
  readonly acceleration?: Acceleration | undefined;
}

export interface RunOptions extends RootScriptOptions {
  readonly signal?: AbortSignal | undefined;
  /** Hears of every line that the script prints. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Is given what is to be closed when the tree is no longer read. */
  readonly adopt: (resource: Disposable) => void;
}
