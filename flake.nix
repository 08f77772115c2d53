{
  description = "Container images from Nix store paths";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      # Without nixpkgs' library: `lib.forPkgs` and the overlays do not need this nixpkgs, and so it is not fetched for them.
      forEachSystem =
        value:
        builtins.listToAttrs (
          map
            (system: {
              name = system;
              value = value system;
            })
            [
              "x86_64-linux"
              "aarch64-linux"
              "x86_64-darwin"
              "aarch64-darwin"
            ]
        );
    in
    {
      packages = forEachSystem (system: rec {
        laminix = nixpkgs.legacyPackages.${system}.callPackage ./nix/package.nix { };
        default = laminix;
      });

      # The functions of dockerTools, per system, or for a package set of one's own.
      lib =
        forEachSystem (
          system:
          import ./nix {
            pkgs = nixpkgs.legacyPackages.${system};
            laminix = self.packages.${system}.laminix;
          }
        )
        // {
          forPkgs = pkgs: import ./nix { inherit pkgs; };
        };

      # For `nix flake init -t`.
      templates.default = {
        path = ./templates/default;
        description = "An image, and a workflow that builds and pushes it";
      };

      overlays = {
        # Adds `pkgs.laminix`, and `pkgs.laminixTools` to use in place of `pkgs.dockerTools`.
        default = final: _: {
          laminix = final.callPackage ./nix/package.nix { };
          laminixTools = import ./nix { pkgs = final; };
        };

        # Puts these functions into `pkgs.dockerTools`, for expressions that cannot be changed. What has no counterpart here
        # stays nixpkgs'.
        dockerTools = final: previous: {
          laminix = final.callPackage ./nix/package.nix { };
          dockerTools = previous.dockerTools or { } // import ./nix { pkgs = final; };
        };
      };
    };
}
