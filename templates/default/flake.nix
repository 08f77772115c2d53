{
  description = "A container image";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    # A folder or a repository that has laminix.
    laminix.url = "path:/path/to/laminix";
    laminix.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    { nixpkgs, laminix, ... }:
    let
      imageFor =
        system:
        let
          pkgs = nixpkgs.legacyPackages.${system};
          images = laminix.lib.${system};
        in
        images.streamLayeredImage {
          # Where `copyToRegistry` pushes it.
          name = "registry.example/hello";
          tag = "latest";
          contents = [
            pkgs.hello
            images.fakeNss
          ];
          config.Cmd = [ "/bin/hello" ];
        };
      outputsFor = system: {
        name = system;
        value = rec {
          image = imageFor system;
          default = image;
        };
      };
    in
    {
      packages = builtins.listToAttrs (
        map outputsFor [
          "x86_64-linux"
          "aarch64-linux"
        ]
      );
    };
}
