{
  inputs.nixpkgs.url = "debian:bookworm";

  outputs = {self, nixpkgs}: let
    system = "x86_64-linux";
    pkgs = nixpkgs.legacyPackages.${system};
  in
  {
    docker = pkgs.dockerTools.buildImage {
      name = "areas_api";
      tag = "latest";
      config = {
        Cmd = [
          "uvicorn"
          "areas.api:app"
          "--host" "0.0.0.0"
          "--port" "80"
        ];
        WorkingDir = ./server;
        # The server's folder is in the store, where Python need not write.
        Env = [
          "PATH=/bin"
          "PYTHONDONTWRITEBYTECODE=1"
        ];
        ExposedPorts = {
          "80/tcp" = {};
        };
      };
      copyToRoot = pkgs.buildEnv {
        name = "run-areas";
        paths = [
          (pkgs.python3.withPackages
            (pypkgs: with pypkgs; [
              uvicorn
              fastapi
              pyjwt
              requests-oauthlib
              itsdangerous
              asyncpg]))
        ];
      };
    };

    db = pkgs.dockerTools.buildImage {
      name = "areas_db";
      tag = "latest";
      config = {
        Entrypoint = [ "${./db}/entrypoint.sh" ];
        Cmd = [ "postgres" ];
        Env = [
          "POSTGRES_PASSWORD=pass"
          "POSTGRES_USER=areas"
          "POSTGRES_DB=areas"
        ];
        ExposedPorts = {
          "5432/tcp" = {};
        };
        Volumes = {
          "/var/lib/postgresql/data" = {};
        };
      };
      copyToRoot = pkgs.buildEnv {
        name = "run-postgis";
        paths = [
          (pkgs.postgresql_15.withPackages (extensions: [ extensions.postgis ]))
          pkgs.bash
          pkgs.coreutils
          pkgs.util-linux
        ];
      };
    };
  };
}
