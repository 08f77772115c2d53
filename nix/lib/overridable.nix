# Adds `override` to a function's result: it repeats the call with changed arguments, given as a set or as a function of
# the old ones. What `overrideAttrs` changes stays so.
let
  overridable =
    function:
    let
      call =
        args:
        let
          result = function args;
        in
        result
        // {
          override = changes: call (args // (if builtins.isFunction changes then changes args else changes));
          overrideAttrs = changes: overridable (args: (function args).overrideAttrs changes) args;
        };
    in
    {
      __functor = _: call;
      __functionArgs = builtins.functionArgs function;
    };
in
overridable
