{
  outputs = { self }: let drv = n: derivation { name = n; system = "x86_64-linux"; builder = "/bin/sh"; }; in {
    packages.x86_64-linux = { default = drv "a" // { meta.description = "about a"; }; odd = 5; };
    packages.aarch64-linux.default = drv "arm";
    packages.riscv64-linux = { };
    legacyPackages.x86_64-linux = { x = drv "x"; y.z = drv "z"; bad = throw "no"; };
    checks.x86_64-linux.c = drv "check";
    devShells.x86_64-linux.default = drv "shell";
    devShell.x86_64-linux = drv "shell1";
    apps.x86_64-linux.run = { type = "app"; program = "/x"; meta.description = "runs"; };
    apps.x86_64-linux.run2 = { type = "app"; program = "/x"; };
    defaultApp.x86_64-linux = { type = "app"; program = "/x"; };
    overlays.default = final: prev: { }; overlay = a: b: { };
    nixosModules.m = { }; nixosModule = { }; nixosConfigurations.host = throw "never";
    templates.t = { path = ./.; description = "a template"; }; defaultTemplate = { path = ./.; description = "dt"; };
    formatter.x86_64-linux = drv "fmt";
    hydraJobs.a.b = drv "job";
    lib.f = x: x; docker = drv "docker"; empty = { };
  };
}
