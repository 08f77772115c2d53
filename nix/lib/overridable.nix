# Adds `override` to a function's result: it repeats the call with changed arguments, given as a set or as a function of
# the old ones.
let
  overridable =
    function:
    let
      call =
        args:
        function args
        // {
          override = changes: call (args // (if builtins.isFunction changes then changes args else changes));
        };
    in
    {
      __functor = _: call;
      __functionArgs = builtins.functionArgs function;
    };
in
overridable
