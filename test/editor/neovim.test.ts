import { readlinkSync } from "node:fs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type NixStore, startNixStore } from "../support/nixStore.js";
import { inNeovim, type NeovimOptions, neovims } from "../support/neovim.js";
import { isAlive } from "../support/processes.js";
import { describeWith } from "../support/requirements.js";
import { addPackages } from "./packages.js";

let store: NixStore;
let lib: string;
let hello: string;
let gone: string;

const HASH = "a".repeat(64);

beforeAll(async () => {
  store = await startNixStore();
  gone = store.pathFor("gone-1.0");
  ({ lib, hello } = await addPackages(store));
});

afterAll(() => store[Symbol.asyncDispose]());

for (const { release, needs } of neovims) {
  const inside = <T>(options: Pick<NeovimOptions, "file" | "script"> & Partial<NeovimOptions>): Promise<T> =>
    inNeovim<T>({ release, args: ["--store", store.uri], ...options });

  describeWith([...needs], `Neovim, ${release}`, () => {
    test("shows what a path is, opens its file, finds links, tells which are absent", async () => {
      const seen = await inside<{
        hover: string;
        folder: string;
        definition: string;
        links: { text: string; target?: string }[];
        diagnostics: { message: string; line: number; column: number; severity: number }[];
      }>({
        file: ["paths.txt", `🙂é ${hello}/bin/foo, and\n${lib}.\n${gone}\n`],
        script: `
          client.ready()
          client.onto('hello-2.12.1', 3)
          local hover = client.hover()
          client.onto('libfoo-1.2')
          local folder = client.hover()
          client.onto('bin/foo')
          local definition = client.definition()
          return { hover = hover, folder = folder, definition = definition, links = client.links(),
            diagnostics = client.diagnostics(1) }`,
      });
      expect(seen.hover).toMatch(/hello.* 2\.12\.1/);
      expect(seen.hover).toContain(`${lib}/lib/libfoo.so`);
      expect(seen.hover).toMatch(/closure: .*2 paths/);
      expect(seen.folder).toMatch(/libfoo.* 1\.2/);
      expect(seen.definition).toBe(`${lib}/lib/libfoo.so`);
      expect(readlinkSync(`${hello}/bin/foo`)).toBe(seen.definition);
      expect(seen.links).toEqual([
        { text: `${hello}/bin/foo`, target: `file://${lib}/lib/libfoo.so` },
        { text: lib },
        { text: gone },
      ]);
      expect(seen.diagnostics).toEqual([
        { message: `this store does not have ${gone}`, line: 2, column: 0, severity: 4 },
      ]);
    });

    test("offers actions, and opens their reports to be read", async () => {
      const seen = await inside<{ actions: string[]; report: { text: string } }>({
        file: ["paths.txt", `${hello}\n${lib}\n`],
        script: `
          client.ready()
          client.onto('hello-2.12.1')
          return { actions = client.actions(), report = client.report('Show the closure') }`,
      });
      expect(seen.actions).toEqual(
        expect.arrayContaining([
          expect.stringContaining("Why does hello-2.12.1 depend on libfoo-1.2?"),
          expect.stringContaining("Keep hello-2.12.1: add a GC root"),
        ]),
      );
      expect(seen.report.text).toContain("2 store paths");
      expect(seen.report.text).toContain(lib);
    });

    test("completes paths by name, and files in them", async () => {
      // Neovim's own completion goes by the hash up to 0.10: it compares what was typed with what would be inserted.
      const asking = release === "sid" ? "<C-x><C-o>" : "<C-x><C-u>";
      const complete = (typed: string): string => `client.complete('${typed}', '${asking}')`;
      const seen = await inside<{ items: string[]; line: string }[]>({
        file: ["paths.txt", `${lib}\n`],
        script: `
          client.ready()
          return { ${complete(`é🙂=${store.storeDir}/hel`)}, ${complete(`é🙂=${hello}/bin/h`)} }`,
      });
      expect(seen).toEqual([
        { items: ["hello-2.12.1"], line: `é🙂=${hello}` },
        { items: ["hello"], line: `é🙂=${hello}/bin/hello` },
      ]);
    });

    if (release !== "sid") {
      test("completes paths by the hash in its own way", async () => {
        const typed = hello.slice(0, -"hello-2.12.1".length - 20);
        const seen = await inside<{ items: string[]; line: string }>({
          file: ["paths.txt", `${lib}\n`],
          script: `client.ready() return client.complete('PATH=${typed}')`,
        });
        expect(seen).toEqual({ items: ["hello-2.12.1"], line: `PATH=${hello}` });
      });
    }

    test("takes questions back", async () => {
      const chain = Array.from({ length: 400 }, (_, i) => store.pathFor(`burst-${i}`));
      await store.registerPaths(
        chain.map((path, i) => ({ path, narHash: HASH, narSize: 1, references: chain.slice(i + 1, i + 9) })),
      );
      const seen = await inside<{ last: string; others: number }>({
        file: ["paths.txt", chain.slice(0, 200).join("\n")],
        script: `client.ready() return client.burst()`,
      });
      expect(seen.last).toMatch(/burst.* 199/);
      expect(seen.others).toBeLessThan(100);
    });

    test("has two servers on one buffer", async () => {
      const other = await startNixStore();
      await using _other = other;
      const seen = await inside<Record<string, { result?: { contents: { value: string } } }>>({
        file: ["paths.txt", `${lib}\n`],
        script: `
          client.ready()
          local second = vim.lsp.start_client({
            name = 'second', cmd = { 'laminix', 'lsp', '--stdio' },
            init_options = { store = ${JSON.stringify(other.uri)} },
          })
          vim.lsp.buf_attach_client(0, second)
          client.ready('second')
          local position = { line = 0, character = ${lib.length - 3} }
          local first = client.ask('textDocument/hover', { position = position })
          local other = client.ask('textDocument/hover', { position = position }, 'second')
          client.stop()
          return { first = first, other = other }`,
      });
      expect(seen["first"]?.result?.contents.value).toMatch(/valid: +yes/);
      // It serves another folder, in which this path is of no store.
      expect(seen["other"]?.result).toBeFalsy();
    });

    test("leaves no server behind when it is killed, nor when it quits", async () => {
      for (const end of ["vim.loop.kill(vim.fn.getpid(), 9)", "vim.cmd('qa!')"]) {
        const servers = await inside<string[]>({
          file: ["paths.txt", `${lib}\n`],
          script: `client.ready() client.onto('libfoo') client.hover() return vim.fn.readfile('servers')`,
          end,
        });
        expect(servers).toHaveLength(1);
        for (const server of servers) await vi.waitUntil(() => !isAlive(Number(server)));
      }
    });

    if (release === "installed") return;
    test("shows the sizes of closures in JSON", async () => {
      const hints = await inside<string[]>({
        file: ["graph.json", JSON.stringify([hello, lib], null, 1)],
        script: `client.ready() return client.hints(2)`,
      });
      expect(hints).toEqual([expect.stringMatching(/, 2 paths$/), expect.stringMatching(/, 1 path$/)]);
    });
  });
}
