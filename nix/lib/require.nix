# Takes a package from the set. Nix's own error would name neither the set nor what the package is for.
set: name: purpose:
set.${name} or (throw "laminix: the package set has no `${name}`, which ${purpose} needs (docs/nix.md)")
