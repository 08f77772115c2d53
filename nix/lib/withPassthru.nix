# Adds attributes to a derivation that have no part in its build, and `overrideAttrs`: it makes the derivation anew with
# changed attributes, given as a set, as a function of the old ones, or of the final ones and the old.
let
  withPassthru =
    drv: passthru: meta:
    drv
    // passthru
    // {
      inherit passthru meta;
      overrideAttrs =
        changes:
        let
          old = drv.drvAttrs // {
            inherit passthru meta;
          };
          applied = if builtins.isFunction changes then changes old else changes;
          new = old // (if builtins.isFunction applied then changes new old else applied);
        in
        withPassthru (derivation (
          removeAttrs new [
            "passthru"
            "meta"
          ]
        )) new.passthru new.meta;
    };
in
withPassthru
