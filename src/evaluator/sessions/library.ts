/**
 * The Nix functions that every session has under the name `L`: the way from a root to a value, and values as JSON. JSON
 * alone cannot carry a Nix value unharmed: `toJSON` takes sets with `outPath` or `__toString` for strings, derivations for
 * their output, copies paths into the store, has no functions, and Nix 2.8 gives floats six digits. So what is special is
 * written as a set with one attribute, whose name is `TAG` (see data.ts).
 */
export const TAG = "__laminix";

const SOURCE = String.raw`
  key: let
    inherit (builtins) attrNames attrValues concatMap concatStringsSep elemAt foldl' fromJSON functionArgs genList
      getContext intersectAttrs isAttrs isFunction isInt isList length mapAttrs match seq stringLength
      substring toJSON toString toXML tryEval typeOf unsafeGetAttrPos;

    isDerivation = v: (tryEval (v ? drvPath && (v.type or null) == "derivation")).value;
    kind = v: if isAttrs v && isDerivation v then "derivation" else typeOf v;

    # Only XML tells functions that take a set apart from others, and whether they take more than they name.
    pattern = f: substring 0 120 (toXML f);
    call = auto: f:
      if !isFunction f then f
      else if match ".*<attrspat ellipsis.*" (pattern f) != null then f auto
      else if match ".*<attrspat.*" (pattern f) != null then f (intersectAttrs (functionArgs f) auto)
      else f;

    root = value: hasAuto: auto: { inherit value hasAuto auto; called = call auto value; };
    step = auto: v: name: if isInt name then elemAt v name else (call auto v).${"${name}"};
    at = root: path: if path == [ ] then root.value else foldl' (step root.auto) root.called path;
    # As something is looked up in it.
    inside = root: path: if path == [ ] then root.called else call root.auto (at root path);
    # As it is shown: where there are arguments, functions are called with them.
    shown = root: path: if root.hasAuto then inside root path else at root path;
    apply = base: path: args: root (foldl' (f: x: f x) (at base path) args) base.hasAuto base.auto;

    has = v: path:
      if path == [ ] then true
      else let name = elemAt path 0; rest = genList (i: elemAt path (i + 1)) (length path - 1);
      in isAttrs v && v ? ${"${name}"} && has v.${"${name}"} rest;
    first = holds: items: foldl' (found: i: if found == null && holds (elemAt items i) then i else found) null
      (genList (i: i) (length items));

    children = v: if isList v then v else if isAttrs v && !isDerivation v then attrValues v else [ ];
    weight = v: let t = typeOf v; in
      if t == "string" then stringLength v
      else if t == "list" then 16 * length v
      else if t == "set" && !isDerivation v then foldl' (n: name: n + 16 + stringLength name) 0 (attrNames v)
      else 0;
    # Characters, and 16 for each value in it. By levels, so that a value that goes on for ever is found out before much of it is made.
    excess = { depth, size }: let
      go = level: used: values: let total = foldl' (n: v: n + weight v) used values; in
        if values == [ ] then null
        else if total > size then "size"
        else if level >= depth then (if first (v: children v != [ ]) values == null then null else "depth")
        else go (level + 1) total (concatMap children values);
    in v: go 0 0 [ v ];

    tagged = what: { ${TAG} = what; };
    float = f: let
      text = toJSON f;
      positive = if f < 0.0 then 0.0 - f else f;
      go = a: e:
        if a >= 38685626227668133590597632.0 then go (a / 4294967296.0) (e + 32)
        else if a >= 9007199254740992.0 then go (a / 2.0) (e + 1)
        else if a < 1048576.0 then go (a * 4294967296.0) (e - 32)
        else if a < 4503599627370496.0 then go (a * 2.0) (e - 1)
        else [ "float" (f < 0.0) (builtins.floor a) e ];
    in
      if f == 0.0 then (if substring 0 1 text == "-" then tagged [ "-0" ] else 0)
      else if !(f < 0.0) && !(f > 0.0) then tagged [ "NaN" ]
      else if positive == positive * 2.0 then tagged [ "Infinity" (f < 0.0) ]
      else if fromJSON text == f then f
      else tagged (go positive 0);
    derivation = drvPath: v: tagged [ "derivation" ({
      name = v.name or null; system = v.system or null; outputs = v.outputs or [ "out" ];
    } // (if drvPath then { inherit (v) drvPath; } else { })) ];
    encode = drvPath: let
      go = v: let t = typeOf v; in
        if t == "set" then (
          if isDerivation v then derivation drvPath v
          else if v ? outPath || v ? __toString || v ? ${TAG}
            then tagged [ "set" (attrNames v) (map go (attrValues v)) ]
          else mapAttrs (_: go) v)
        else if t == "list" then map go v
        else if t == "int" then
          (if v > 9007199254740991 || v < -9007199254740991 then tagged [ "int" (toString v) ] else v)
        else if t == "float" then float v
        else if t == "path" then toString v
        else if t == "lambda" then tagged [ "function" (functionArgs v) ]
        else v;
    in go;
    value = { depth, size, drvPath }: v: let limit = excess { inherit depth size; } v; in
      if limit == null then [ (encode drvPath v) ] else limit;

    # Names are sorted: those with a prefix stand together.
    keys = { prefix, limit }: v: let
      names = attrNames v;
      search = low: high: holds:
        if low >= high then low
        else let middle = (low + high) / 2; in
          if holds (elemAt names middle) then search low middle holds else search (middle + 1) high holds;
      begins = name: substring 0 (stringLength prefix) name == prefix;
      from = search 0 (length names) (name: !(name < prefix));
      to = search from (length names) (name: !(begins name));
      count = if limit != null && limit < to - from then limit else to - from;
    in genList (i: elemAt names (from + i)) count;

    arguments = f:
      if isAttrs f && f ? __functionArgs then f.__functionArgs
      else if isAttrs f && f ? __functor then functionArgs (f.__functor f)
      else functionArgs f;

    place = root: path: let
      n = length path - 1;
      name = elemAt path n;
    in if n < 0 || isInt name then null
      else unsafeGetAttrPos name (inside root (genList (elemAt path) n));

    ask = root: { path, want }: let
      v = shown root path;
      answers = {
        load = _: seq (at root path) null;
        warm = _: seq root.called null;
        choose = paths: first (has root.called) paths;
        type = _: kind v;
        value = bounds: value bounds v;
        keys = which: keys which (inside root path);
        length = _: let it = inside root path; in if isAttrs it then length (attrNames it) else length it;
        arguments = _: arguments (at root path);
        position = name: if name == null then place root path else unsafeGetAttrPos name (inside root path);
        context = _: getContext v;
      };
    in key + toJSON (mapAttrs (name: answers.${"${name}"}) want);

    all = roots: { items, bounds }: let
      one = item: tryEval (toJSON (value bounds (shown (elemAt roots (elemAt item 0)) (elemAt item 1))));
      text = item: let it = one item; in if it.success then it.value else "null";
    in key + "[" + concatStringsSep "," (map text items) + "]";
  in { inherit root shown apply ask all; }`;

/** The library on one line of ASCII, as it can be typed; a function of the key that answers begin with. */
export const LIBRARY = `(${SOURCE.split("\n")
  .filter((line) => !/^\s*#/.test(line))
  .map((line) => line.trim())
  .join(" ")
  .trim()})`;
