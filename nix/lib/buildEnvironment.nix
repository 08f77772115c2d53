# The environment that Nix would give to the builder of a derivation, as JSON that references the inputs but not the
# outputs. The derivation is neither built nor read.
drv:
let
  given = drv.drvAttrs;

  # Turns attributes into variables as `derivation` does; a path is copied to the store.
  textOf =
    value:
    if builtins.isPath value then
      "${value}"
    else if builtins.isList value then
      builtins.concatStringsSep " " (map textOf value)
    else
      toString value;

  isVariable =
    name:
    name != "args"
    && name != "__ignoreNulls"
    && !((given.__ignoreNulls or false) && given.${name} == null);

  outputs = builtins.listToAttrs (
    map (name: {
      inherit name;
      value = builtins.unsafeDiscardStringContext drv.${name}.outPath;
    }) (given.outputs or [ "out" ])
  );
in
assert
  !(given.__structuredAttrs or false)
  || throw "laminix: ${drv.name} has structured attributes, of which no shell can be made; override it with __structuredAttrs = false";
builtins.toJSON {
  inherit (drv) name;
  builder = textOf given.builder;
  args = map textOf (given.args or [ ]);
  env =
    builtins.listToAttrs (
      map (name: {
        inherit name;
        value = textOf given.${name};
      }) (builtins.filter isVariable (builtins.attrNames given))
    )
    // outputs;
}
