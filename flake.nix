{
  description = "Container images from Nix store paths";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      forEachSystem = nixpkgs.lib.genAttrs [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
    in
    {
      packages = forEachSystem (system: rec {
        laminix = nixpkgs.legacyPackages.${system}.callPackage ./nix/package.nix { };
        default = laminix;
      });

      # The functions of dockerTools, per system.
      lib = forEachSystem (
        system:
        import ./nix {
          pkgs = nixpkgs.legacyPackages.${system};
          laminix = self.packages.${system}.laminix;
        }
      );

      # Adds `pkgs.laminix`, and `pkgs.laminixTools` to use in place of `pkgs.dockerTools`.
      overlays.default = final: _: {
        laminix = final.callPackage ./nix/package.nix { };
        laminixTools = import ./nix { pkgs = final; };
      };
    };
}
