# nixpkgs' fetchers over Nix's own: what they give is known by its hash, and the same store path as nixpkgs'.
{ lib }:
let
  # A hash under any of the names that nixpkgs has for it.
  hashOf = function: arguments:
    let given = lib.filter (hash: hash != null && hash != "") (map (name: arguments.${name} or null) [ "hash" "sha256" "sha512" "sha1" "outputHash" ]);
    in if given == [ ] then lib.refuse "${function}: needs the argument 'hash'; nothing is fetched without one" else lib.head given;
  algorithmOf = arguments: hash:
    if builtins.match "(sha256|sha512|sha1)[-:].*" hash != null then null
    else if arguments ? sha512 then "sha512" else if arguments ? sha1 then "sha1" else "sha256";
in
rec {
  fetchurl = { name ? null, url ? null, urls ? [ url ], executable ? false, ... }@arguments:
    let hash = hashOf "fetchurl" arguments; algorithm = algorithmOf arguments hash; in
    derivation ({
      name = if name != null then name else baseNameOf (lib.head urls);
      builder = "builtin:fetchurl";
      system = "builtin";
      outputHash = hash;
      outputHashMode = if executable then "recursive" else "flat";
      inherit executable;
      preferLocalBuild = true;
      url = lib.head urls;
      unpack = false;
    } // lib.optionalAttrs (algorithm != null) { outputHashAlgo = algorithm; });

  # An archive's contents, its single folder left out.
  fetchzip = { name ? "source", url ? null, urls ? [ url ], stripRoot ? true, ... }@arguments:
    if !stripRoot then lib.refuse "fetchzip: stripRoot = false is not supported on the Debian package set; use fetchurl and unpack it in a runCommand"
    else builtins.fetchTarball { url = lib.head urls; inherit name; sha256 = hashOf "fetchzip" arguments; };
  fetchTarball = fetchzip;

  fetchFromGitHub = { owner, repo, rev ? null, tag ? null, name ? "source", githubBase ? "github.com", fetchSubmodules ? false, ... }@arguments:
    if fetchSubmodules then lib.refuse "fetchFromGitHub: fetchSubmodules is not supported on the Debian package set; make it a flake input with flake = false and submodules=1"
    else fetchzip {
      inherit name;
      url = "https://${githubBase}/${owner}/${repo}/archive/${if tag != null then "refs/tags/${tag}" else rev}.tar.gz";
      hash = hashOf "fetchFromGitHub" arguments;
    };
  fetchFromGitLab = { owner, repo, rev ? null, tag ? null, domain ? "gitlab.com", name ? "source", ... }@arguments: fetchzip {
    inherit name;
    url = "https://${domain}/api/v4/projects/${owner}%2F${repo}/repository/archive.tar.gz?sha=${if tag != null then tag else rev}";
    hash = hashOf "fetchFromGitLab" arguments;
  };
  fetchgit = _: lib.refuse "fetchgit: not in the Debian package set; use builtins.fetchGit with a rev, or a flake input with flake = false";
  fetchpatch = _: lib.refuse "fetchpatch: not in the Debian package set; put the patch beside the flake, or use fetchurl";
  fetchpatch2 = fetchpatch;
  fetchPypi = _: lib.refuse "fetchPypi: not in the Debian package set; use python3.withPackages with Debian's Python packages, or fetchurl";
}
