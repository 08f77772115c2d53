/** How the server is set up: on its command line, when the editor starts it, and in the editor's settings. */
import { LaminixError } from "../errors.js";

/** What a user writes under `laminix` in the editor's settings, and what `initializationOptions` may have. */
export interface Settings {
  /** As `--store` takes it. */
  readonly store: string;
  /** Whether files of the workspace may be evaluated and built, images loaded, and roots added. */
  readonly trusted: boolean;
  /** Whether `laminix/attributes` may evaluate Nix files, where the workspace is trusted. */
  readonly evaluate: boolean;
  readonly diagnostics: boolean;
  readonly inlayHints: boolean;
  readonly codeLens: boolean;
  /** Whether what a command shows is opened by this server, or given as the command's result and no more. */
  readonly reports: "open" | "result";
  /** The ends of the names of files that are image specs. */
  readonly specs: readonly string[];
}

const DEFAULTS: Settings = {
  store: "auto",
  trusted: false,
  evaluate: true,
  diagnostics: true,
  inlayHints: true,
  codeLens: true,
  reports: "open",
  specs: [".laminix.json"],
};

/** Where settings come from. What comes later overrides what comes before, but for trust and what needs it. */
export class SettingSources {
  readonly #commandLine: Partial<Settings>;
  #initial: Partial<Settings> = {};
  #pulled: Partial<Settings> = {};
  #trusted: boolean | undefined;

  constructor(commandLine: Partial<Settings>) {
    this.#commandLine = commandLine;
  }

  initialize(options: unknown): void {
    this.#initial = settingsIn(options);
    this.#trusted = this.#initial.trusted;
  }

  /** What the editor's settings have. */
  pull(settings: unknown): void {
    this.#pulled = settingsIn(settings);
  }

  /** The editor says so when the user decides. */
  trust(isTrusted: boolean): void {
    this.#trusted = isTrusted;
  }

  get current(): Settings {
    const { trusted: asked, store, ...pulled } = this.#pulled;
    // A workspace brings settings of its own: one that the editor calls untrusted does not decide on trust, nor on what
    // is connected to.
    const trusted = this.#trusted ?? asked ?? DEFAULTS.trusted;
    const mayChoose = this.#trusted !== false && store !== undefined;
    return {
      ...DEFAULTS,
      ...this.#commandLine,
      ...this.#initial,
      ...pulled,
      ...(mayChoose && { store }),
      trusted,
    };
  }

  /** @throws {LaminixError} ERR_NOT_TRUSTED */
  requireTrust(what: string): void {
    if (this.current.trusted) return;
    throw new LaminixError("ERR_NOT_TRUSTED", `the workspace is not trusted, so ${what}`, {
      hint: "trust it in the editor, or start the server with the initialization option trusted",
    });
  }
}

/** What of a value is settings; the rest is somebody else's, or of another version. */
function settingsIn(value: unknown): Partial<Settings> {
  if (typeof value !== "object" || value === null) return {};
  const given = value as Readonly<Record<string, unknown>>;
  const { store, reports, specs } = given;
  const flags = (["trusted", "evaluate", "diagnostics", "inlayHints", "codeLens"] as const).flatMap((key) =>
    typeof given[key] === "boolean" ? [[key, given[key]] as const] : [],
  );
  return {
    ...(Object.fromEntries(flags) as Partial<Settings>),
    ...(typeof store === "string" && store !== "" && { store }),
    ...((reports === "open" || reports === "result") && { reports }),
    ...(Array.isArray(specs) && { specs: specs.filter((each) => typeof each === "string" && each !== "") }),
  };
}
