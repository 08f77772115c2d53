import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import type { NixStore } from "../support/nixStore.js";

/** A library, and a program with links into it and out of the store. */
export async function addPackages(
  store: NixStore,
): Promise<{ readonly lib: string; readonly hello: string }> {
  const lib = await store.addTree("libfoo-1.2", (place) => {
    mkdirSync(`${place}/lib`, { recursive: true });
    writeFileSync(`${place}/lib/libfoo.so`, "elf");
  });
  const hello = await store.addTree(
    "hello-2.12.1",
    (place) => {
      mkdirSync(`${place}/bin`, { recursive: true });
      writeFileSync(`${place}/bin/hello`, "#!/bin/sh\n", { mode: 0o755 });
      symlinkSync(`${lib}/lib/libfoo.so`, `${place}/bin/foo`);
      symlinkSync("/etc/passwd", `${place}/bin/away`);
    },
    { references: [lib] },
  );
  return { lib, hello };
}
