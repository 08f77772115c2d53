# A function whose result has `override`: the same call with some arguments changed, given as a set, or as a function
# of the arguments so far.
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
