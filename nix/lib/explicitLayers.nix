# The pipeline for `layers`, nix2container's word: each takes its `deps` and all that they need, without what the layers
# below it have; the other paths follow, the most referenced first.
image: maxLayers: layers:
let
  pathsOf = layer: map toString (layer.deps or (throw "laminix: a layer of image ${image} has no deps"));
  countOf = layer: layer.maxLayers or 1;
  counts = builtins.foldl' (sum: layer: sum + countOf layer) 0 layers;
  # One goes to the image's root.
  left = maxLayers - 1 - counts;
  limited = count: [
    "pipe"
    [
      [ "popularity_contest" ]
      [
        "limit_layers"
        count
      ]
    ]
  ];
  step =
    remaining:
    if remaining == [ ] then
      limited left
    else
      let
        layer = builtins.head remaining;
        taken = [
          "subcomponent_out"
          (pathsOf layer)
        ];
        split = [
          "over"
          "main"
          (limited (countOf layer))
        ];
        others = [
          "over"
          "rest"
          (step (builtins.tail remaining))
        ];
      in
      [
        "pipe"
        ([ taken ] ++ (if countOf layer == 1 then [ ] else [ split ]) ++ [
          others
          [ "flatten" ]
        ])
      ];
in
assert
  left > 0
  || throw "laminix: maxLayers of image ${image} is ${toString maxLayers}; its layers are ${toString counts}, and one each goes to its root and to the other paths, so raise it to ${toString (counts + 2)} or more";
[ (step layers) ]
