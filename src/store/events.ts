/** What a daemon tells of its work: log lines, and activities from their beginning to their end. */
import { redactText, redactUrl } from "../redact.js";
import type { NativeMessage } from "./native.js";

/** An activity of the daemon. */
export interface Activity {
  /** Unique within its connection. */
  readonly id: bigint;
  readonly kind: ActivityKind;
  /** For a person; may be empty. */
  readonly text: string;
  /** The activity that this one is a part of. */
  readonly parent?: bigint;
  /** The derivation that is built, of `build` and `post-build-hook`. */
  readonly derivation?: string;
  /** The store path concerned, of `substitute`, `copy-path` and `query-path-info`. */
  readonly path?: string;
  /** Where it comes from, of `substitute`, `copy-path`, `query-path-info` and `download`. */
  readonly source?: string;
}

export type StoreEvent =
  /** A line of the daemon's own log. */
  | { readonly type: "log"; readonly message: string }
  | { readonly type: "start"; readonly activity: Activity }
  | { readonly type: "stop"; readonly activity: Activity }
  /** A line that a builder, or the hook after it, has printed. */
  | { readonly type: "build-log"; readonly activity: Activity; readonly line: string }
  /** A builder has begun another phase. */
  | { readonly type: "phase"; readonly activity: Activity; readonly phase: string }
  /** How far an activity has come: bytes of downloads and copies, counts of all others. */
  | {
      readonly type: "progress";
      readonly activity: Activity;
      readonly done: number;
      /** 0 where it is not known. */
      readonly expected: number;
      readonly running: number;
      readonly failed: number;
    }
  /** How much there will be to do of a kind, within an activity. */
  | {
      readonly type: "expected";
      readonly activity: Activity;
      readonly kind: ActivityKind;
      readonly expected: number;
    }
  /** A path whose contents are not what they should be, or whose signature is not trusted. */
  | { readonly type: "corrupted" | "untrusted"; readonly activity: Activity; readonly path: string };

export type OnStoreEvent = (event: StoreEvent) => void;

/** Nix's `ActivityType`s by number. */
const kinds = {
  100: "copy-path",
  101: "download",
  102: "realise",
  103: "copy-paths",
  104: "builds",
  105: "build",
  106: "optimise",
  107: "verify",
  108: "substitute",
  109: "query-path-info",
  110: "post-build-hook",
  111: "waiting-for-build",
  112: "fetch-tree",
  113: "fetch-to-store",
} as const;

export type ActivityKind = (typeof kinds)[keyof typeof kinds] | "other";

function kindOf(type: number): ActivityKind {
  return (kinds as Readonly<Record<number, ActivityKind>>)[type] ?? "other";
}

/** Which of an activity's fields says what. */
const fieldNames: Partial<Record<ActivityKind, readonly ("derivation" | "path" | "source")[]>> = {
  build: ["derivation"],
  "post-build-hook": ["derivation"],
  substitute: ["path", "source"],
  "copy-path": ["path", "source"],
  "query-path-info": ["path", "source"],
  download: ["source"],
};

/** Nix's `ResultType`s that are told. */
const Result = {
  buildLogLine: 101,
  untrustedPath: 102,
  corruptedPath: 103,
  setPhase: 104,
  progress: 105,
  setExpected: 106,
  postBuildLogLine: 107,
} as const;

/** Makes events of a connection's messages. */
export function eventsTo(onEvent: OnStoreEvent): (message: NativeMessage) => void {
  const activities = new Map<bigint, Activity>();
  return (message) => {
    switch (message.kind) {
      case "log":
        onEvent({ type: "log", message: redactText(message.text.replace(/\n$/, "")) });
        return;
      case "start": {
        const activity = activityOf(message);
        activities.set(message.id, activity);
        onEvent({ type: "start", activity });
        return;
      }
      case "stop": {
        const activity = activities.get(message.id);
        activities.delete(message.id);
        if (activity) onEvent({ type: "stop", activity });
        return;
      }
      case "result": {
        const activity = activities.get(message.id);
        const event = activity && resultOf(activity, message.type, message.fields);
        if (event) onEvent(event);
      }
    }
  };
}

function activityOf(start: NativeMessage & { readonly kind: "start" }): Activity {
  const kind = kindOf(start.type);
  const named = (fieldNames[kind] ?? []).flatMap((name, i) => {
    const value = start.fields[i];
    return typeof value === "string" && value !== ""
      ? [[name, name === "source" ? redactUrl(value) : value] as const]
      : [];
  });
  return {
    id: start.id,
    kind,
    text: redactText(start.text),
    ...(start.parent !== 0n && { parent: start.parent }),
    ...Object.fromEntries(named),
  };
}

/** What a result tells; nothing for those that tell nothing here, or not in the form that Nix gives them. */
function resultOf(
  activity: Activity,
  type: number,
  fields: readonly (number | string)[],
): StoreEvent | undefined {
  const [first] = fields;
  const numbers = fields.map(Number);
  switch (type) {
    case Result.buildLogLine:
    case Result.postBuildLogLine:
      return { type: "build-log", activity, line: String(first) };
    case Result.setPhase:
      return { type: "phase", activity, phase: String(first) };
    case Result.untrustedPath:
      return { type: "untrusted", activity, path: String(first) };
    case Result.corruptedPath:
      return { type: "corrupted", activity, path: String(first) };
    case Result.progress: {
      const [done = 0, expected = 0, running = 0, failed = 0] = numbers;
      return { type: "progress", activity, done, expected, running, failed };
    }
    case Result.setExpected: {
      const [kind = 0, expected = 0] = numbers;
      return { type: "expected", activity, kind: kindOf(kind), expected };
    }
    default:
      return undefined;
  }
}
