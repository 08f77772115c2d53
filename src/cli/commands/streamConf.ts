import type { Command } from "commander";
import { bytes } from "../format.js";
import type { Io } from "../io.js";
import { command, type CommonOptions, withStore } from "../options.js";
import { progress } from "../progress.js";
import { refuseTerminal } from "../terminal.js";

interface Options extends CommonOptions {
  readonly repo_tag?: string;
}

export function streamConf(io: Io): Command {
  return command("stream-conf", "what nixpkgs' streamLayeredImage streams for its conf.json, byte for byte")
    .argument("<CONF>", "a conf.json")
    .option("-t, --repo_tag <NAME:TAG>", "what the image is called, in place of the name in CONF")
    .action(async (conf: string, options: Options) => {
      refuseTerminal(io, "docker load");
      const { streamConf: pieces } = await import("../../builders/streamConf.js");
      const { onProgress, finish } = progress(io, options);
      const { signal } = io;
      await withStore(options, async (store) => {
        let size = 0;
        const { jobs, repo_tag: repoTag } = options;
        for await (const piece of pieces(conf, { store, signal, jobs, onProgress, repoTag })) {
          await io.stdout.write(piece);
          size += piece.length;
        }
        finish(bytes(size));
      });
    });
}
