// Expressions that belong to the evaluator: the builtin `derivation`, what `import` of a derivation makes of it, and
// `<nix/fetchurl.nix>`.
import { type ByteString, toByteString } from '../../foundation/byte-string.ts';

/** Where `derivation` is defined, as traces name it. */
export const derivationFile: ByteString = toByteString('«nix-internal»/derivation-internal.nix');
export const importedDerivationFile: ByteString = toByteString(
  '«nix-internal»/imported-drv-to-derivation.nix',
);
/** Directory of `<nix/…>`. */
export const corePackages: ByteString = '/__corepkgs__';

// Traces show lines of this file, with their numbers; they are where Nix's own are.
const derivation = `# The builtin function \`derivation\`: a lazy face of the primitive \`derivationStrict\`.
#
# Input: one attribute set. These attributes are special:
#
#   name, system, builder   what is built, for which system, by which program (required)
#   args                    the program's arguments
#   outputs                 names of the outputs; one, "out", unless given
#   outputHash              the hash of the result, when it is known beforehand;
#   outputHashAlgo          of this kind
#   outputHashMode          and taken this way
#   __structuredAttrs       pass the attributes as JSON
#   __ignoreNulls           leave out attributes that are null
#
# All attributes are environment variables of the builder.
#
# Output: the set given, and in it what is known about the derivation: drvPath, outPath, the outputs
# by name, a list of them in all, the set given in drvAttrs, and type = "derivation". Looking at
# anything but the paths does not make the derivation.
#
# Every output is itself such a set, with its own outPath and outputName.
#
# Example:
#
#   derivation {
#     name = "hello"; system = builtins.currentSystem;
#     builder = "/bin/sh"; args = [ "-c" "echo hello > $out" ];
#   }

drvAttrs@{
  outputs ? [ "out" ],
  ...
}:

let

  strict = derivationStrict drvAttrs;

  commonAttrs =
    drvAttrs
    // builtins.listToAttrs outputsList
    // {
      all = map (output: output.value) outputsList;
      inherit drvAttrs;
    };

  forOutput = outputName: {
    name = outputName;
    value = commonAttrs // {
      outPath = strict.\${outputName};
      drvPath = strict.drvPath;
      type = "derivation";
      inherit outputName;
    };
  };

  outputsList = map forOutput outputs;

in
(builtins.head outputsList).value
`;

const importedDerivation = `# What importing a .drv file gives: a set like that of derivation.
attrs@{ drvPath, outputs, name, ... }:

let

  common = builtins.listToAttrs byOutput // {
    all = map (output: output.value) byOutput;
    inherit drvPath name;
    type = "derivation";
  };

  forOutput = outputName: {
    name = outputName;
    value = common // {
      outPath = attrs.\${outputName};
      inherit outputName;
    };
  };

  byOutput = map forOutput outputs;

in
(builtins.head byOutput).value
`;

const fetchurl = `# A file or archive, fetched by the store itself and known by its hash.
{ system ? "" # of no effect
, url
, hash ? "" # SRI
, md5 ? ""
, sha1 ? ""
, sha256 ? ""
, sha512 ? ""
, outputHash ?
    if hash != "" then hash
    else if sha512 != "" then sha512
    else if sha1 != "" then sha1
    else if md5 != "" then md5
    else sha256
, outputHashAlgo ?
    if hash != "" then ""
    else if sha512 != "" then "sha512"
    else if sha1 != "" then "sha1"
    else if md5 != "" then "md5"
    else "sha256"
, executable ? false
, unpack ? false
, name ? baseNameOf (toString url)
, impure ? false
}:

derivation ({
  builder = "builtin:fetchurl";
  system = "builtin";

  outputHashMode = if unpack || executable then "recursive" else "flat";

  inherit name url executable unpack;
  urls = [ url ];

  preferLocalBuild = true;
  impureEnvVars = [ "http_proxy" "https_proxy" "ftp_proxy" "all_proxy" "no_proxy" ];
} // (if impure then { __impure = true; } else { inherit outputHashAlgo outputHash; }))
`;

export const ownFiles: ReadonlyMap<ByteString, ByteString> = new Map([
  [derivationFile, derivation],
  [importedDerivationFile, importedDerivation],
  [`${corePackages}/fetchurl.nix`, fetchurl],
]);
