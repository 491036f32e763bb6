# What build commands of the Debian set find: phases as nixpkgs names them, and the shell functions that recipes use in
# them. Read by runCommand and stdenv.mkDerivation. Leaves out compilers' flags, strip, and rewriting of interpreters:
# packages lie at the root of file systems here, so /bin/sh and /usr/bin/env are what they say.

export HOME=/homeless-shelter
export TERM=dumb
export SHELL=/bin/bash CONFIG_SHELL=/bin/bash
export SOURCE_DATE_EPOCH=1
: "${outputs:=out}"
NIX_BUILD_CORES=${NIX_BUILD_CORES:-1}
prefix=${out-}

runHook() {
  local hook=$1
  shift
  if [ "$(type -t "$hook" || true)" = function ]; then "$hook" "$@"; else eval "${!hook-}"; fi
}

# substituteText TEXT OPTION…: the text with the replacements that the options ask for, in `substituted`.
substituteText() {
  substituted=$1
  local file=$2
  shift 2
  while [ $# -gt 0 ]; do
    case $1 in
      --replace | --replace-fail | --replace-quiet | --replace-warn)
        if [[ $substituted != *"$2"* ]]; then
          case $1 in
            --replace-fail)
              echo "substitute: $file does not contain '$2'" >&2
              return 1
              ;;
            --replace-quiet) ;;
            *) echo "substitute: warning: $file does not contain '$2'" >&2 ;;
          esac
        fi
        substituted=${substituted//"$2"/"$3"}
        shift 3
        ;;
      --subst-var)
        substituted=${substituted//"@$2@"/"${!2}"}
        shift 2
        ;;
      --subst-var-by)
        substituted=${substituted//"@$2@"/"$3"}
        shift 3
        ;;
      *)
        echo "substitute: unknown option $1" >&2
        return 1
        ;;
    esac
  done
}

substitute() {
  local input=$1 output=$2 text
  shift 2
  # The letter keeps newlines at the end, which a command substitution would drop.
  text=$(cat -- "$input" && printf x) || return 1
  substituteText "${text%x}" "$input" "$@" || return 1
  mkdir -p "$(dirname -- "$output")"
  printf %s "$substituted" >"$output"
}

substituteInPlace() {
  local files=() file
  while [ $# -gt 0 ] && [[ $1 != --* ]]; do
    files+=("$1")
    shift
  done
  for file in "${files[@]}"; do substitute "$file" "$file" "$@" || return 1; done
}

# Replaces @name@ by every variable whose name begins with a small letter.
substituteAll() {
  local names=() name
  for name in $(compgen -A variable); do [[ $name =~ ^[a-z][a-zA-Z0-9_]*$ ]] && names+=(--subst-var "$name"); done
  substitute "$1" "$2" "${names[@]}"
}

substituteAllInPlace() { substituteAll "$1" "$1"; }

# makeWrapper PROGRAM WRAPPER OPTION…
makeWrapper() {
  local original=$1 wrapper=$2 lines=() flags='' after='' argv0='' name separator value
  shift 2
  while [ $# -gt 0 ]; do
    case $1 in
      --set)
        lines+=("export $2=$(printf %q "$3")")
        shift 3
        ;;
      --set-default)
        lines+=("export $2=\${$2-$(printf %q "$3")}")
        shift 3
        ;;
      --unset)
        lines+=("unset $2")
        shift 2
        ;;
      --run)
        lines+=("$2")
        shift 2
        ;;
      --chdir)
        lines+=("cd $(printf %q "$2")")
        shift 2
        ;;
      --add-flags | --add-flag)
        if [ "$1" = --add-flag ]; then flags+=" $(printf %q "$2")"; else flags+=" $2"; fi
        shift 2
        ;;
      --append-flags | --append-flag)
        if [ "$1" = --append-flag ]; then after+=" $(printf %q "$2")"; else after+=" $2"; fi
        shift 2
        ;;
      --prefix | --suffix)
        name=$2 separator=$3 value=$(printf %q "$4")
        if [ "$1" = --prefix ]; then
          lines+=("export $name=$value\${$name:+'$separator'\$$name}")
        else
          lines+=("export $name=\${$name:+\$$name'$separator'}$value")
        fi
        shift 4
        ;;
      --argv0)
        argv0=" -a $(printf %q "$2")"
        shift 2
        ;;
      --inherit-argv0)
        argv0=' -a "$0"'
        shift
        ;;
      *)
        echo "makeWrapper: unknown option $1" >&2
        return 1
        ;;
    esac
  done
  mkdir -p "$(dirname -- "$wrapper")"
  {
    printf '#!%s -e\n' "$runtimeShell"
    [ ${#lines[@]} -eq 0 ] || printf '%s\n' "${lines[@]}"
    printf 'exec%s %q%s "$@"%s\n' "$argv0" "$original" "$flags" "$after"
  } >"$wrapper"
  chmod +x "$wrapper"
}

makeShellWrapper() { makeWrapper "$@"; }
makeBinaryWrapper() { makeWrapper "$@"; }

# The program moves aside. A link to a package's program becomes a copy where the wrapper takes its place in an image;
# a program of sbin, or one that an alternative leads to, stays where it is.
wrapProgram() {
  local program=$1 name hidden real=
  shift
  name=$(basename -- "$program")
  hidden=$(dirname -- "$program")/.$name-wrapped
  while [ -e "$hidden" ]; do hidden+=_; done
  if [ -L "$program" ]; then
    real=$(readlink -f -- "$program")
  elif [ ! -e "$program" ]; then
    for real in "/usr/bin/$name" "/usr/sbin/$name" ''; do if [ -x "$real" ]; then break; fi; done
    real=${real:+$(readlink -f -- "$real")}
  fi
  mkdir -p -- "$(dirname -- "$program")"
  if [ -z "$real" ]; then
    mv -- "$program" "$hidden"
  elif [ "$real" = "/usr/bin/$name" ] || [[ $real == "$out"/* ]]; then
    cp -- "$real" "$hidden"
    chmod u+w "$hidden"
  else
    ln -s -- "$real" "$hidden"
  fi
  rm -f -- "$program"
  makeWrapper "$hidden" "$program" --inherit-argv0 "$@"
}

wrapProgramShell() { wrapProgram "$@"; }

installBin() { for file in "$@"; do install -Dm755 "$file" "$out/bin/$(basename -- "$file")"; done; }

installManPage() {
  local file
  for file in "$@"; do install -Dm644 "$file" "$out/share/man/man${file##*.}/$(basename -- "$file")"; done
}

installShellCompletion() { :; }

patchShebangs() { :; }

unpackFile() {
  case $1 in
    *.tar | *.tar.* | *.tgz | *.tbz2 | *.txz) tar -xf "$1" --mode=+w --no-same-owner ;;
    *.zip)
      echo "unpackFile: $1 needs unzip; add pkgs.unzip to nativeBuildInputs and unpack it in unpackPhase" >&2
      unzip -qq "$1"
      ;;
    *)
      if [ -d "$1" ]; then
        cp -r --no-preserve=ownership -- "$1" "$(nameWithoutHash "$1")"
        chmod -R u+w -- "$(nameWithoutHash "$1")"
      else
        echo "unpackFile: do not know how to unpack $1; set dontUnpack = true to leave it as it is" >&2
        return 1
      fi
      ;;
  esac
}

nameWithoutHash() {
  local name
  name=$(basename -- "$1")
  [[ $name =~ ^[0-9a-z]{32}-(.*)$ ]] && name=${BASH_REMATCH[1]}
  printf %s "$name"
}

unpackPhase() {
  runHook preUnpack
  local source before
  if [ -n "${srcs-}" ]; then sources=$srcs; else sources=${src-}; fi
  if [ -z "$sources" ]; then
    echo 'unpackPhase: neither src nor srcs is set; set dontUnpack = true' >&2
    return 1
  fi
  before=$(ls -A)
  for source in $sources; do unpackFile "$source"; done
  if [ -z "${sourceRoot-}" ]; then
    local entry
    for entry in *; do
      [ -d "$entry" ] || continue
      grep -qxF -- "$entry" <<<"$before" && continue
      if [ -n "${sourceRoot-}" ]; then
        echo 'unpackPhase: there are several folders; set sourceRoot' >&2
        return 1
      fi
      sourceRoot=$entry
    done
  fi
  cd -- "${sourceRoot:-.}"
  runHook postUnpack
}

patchPhase() {
  runHook prePatch
  local file
  for file in ${patches-}; do
    case $file in
      *.gz) gzip -dc "$file" ;;
      *.xz) xz -dc "$file" ;;
      *) cat "$file" ;;
    esac | patch ${patchFlags:--p1}
  done
  runHook postPatch
}

configurePhase() {
  runHook preConfigure
  if [ -x "${configureScript:-./configure}" ]; then
    "${configureScript:-./configure}" --prefix="$out" ${configureFlags-} "${configureFlagsArray[@]}"
  elif [ -z "${dontUseCmakeConfigure-}" ] && [ -e "${cmakeDir:-.}/CMakeLists.txt" ] && command -v cmake >/dev/null; then
    local generator=()
    if command -v ninja >/dev/null; then generator=(-G Ninja); fi
    cmake -S "${cmakeDir:-.}" -B build "${generator[@]}" -DCMAKE_INSTALL_PREFIX="$out" -DCMAKE_INSTALL_LIBDIR=lib \
      -DCMAKE_BUILD_TYPE="${cmakeBuildType:-Release}" ${cmakeFlags-} "${cmakeFlagsArray[@]}"
    cd build
  elif [ -z "${dontUseMesonConfigure-}" ] && [ -e meson.build ] && command -v meson >/dev/null; then
    meson setup build --prefix="$out" --libdir=lib --buildtype="${mesonBuildType:-plain}" ${mesonFlags-} "${mesonFlagsArray[@]}"
    cd build
  fi
  runHook postConfigure
}

makeHere() { make ${makefile:+-f "$makefile"} SHELL=/bin/bash ${makeFlags-} "${makeFlagsArray[@]}" "$@"; }

hasNinja() { [ -e build.ninja ] && command -v ninja >/dev/null; }

hasMakefile() { [ -n "${makefile-}" ] || [ -e Makefile ] || [ -e makefile ] || [ -e GNUmakefile ]; }

buildPhase() {
  runHook preBuild
  if hasNinja; then ninja -j"$NIX_BUILD_CORES" ${ninjaFlags-}; elif hasMakefile; then makeHere ${enableParallelBuilding:+-j"$NIX_BUILD_CORES"} ${buildFlags-}; fi
  runHook postBuild
}

checkPhase() {
  runHook preCheck
  if hasNinja; then ninja ${checkTarget:-test}; elif hasMakefile; then makeHere ${checkTarget:-check}; fi
  runHook postCheck
}

installPhase() {
  runHook preInstall
  if ! hasNinja && ! hasMakefile && [ -z "${preInstall-}${postInstall-}" ]; then
    echo 'installPhase: there is no Makefile; write an installPhase that fills $out' >&2
    return 1
  fi
  if hasNinja; then ninja ${installTargets:-install}; elif hasMakefile; then makeHere prefix="$out" PREFIX="$out" ${installTargets:-install} ${installFlags-}; fi
  runHook postInstall
}

fixupPhase() {
  runHook preFixup
  runHook postFixup
}

distPhase() { :; }

# Compilers that add what NIX_CFLAGS_COMPILE and NIX_LDFLAGS say, as nixpkgs' do; the latter are words for the linker.
wrapCompilers() {
  [ -n "${NIX_CFLAGS_COMPILE-}${NIX_LDFLAGS-}" ] || return 0
  local name word program folder=$NIX_BUILD_TOP/.compilers link=
  for word in ${NIX_LDFLAGS-}; do
    case $word in -l* | -L*) link+=" $word" ;; *) link+=" -Wl,$word" ;; esac
  done
  mkdir -p "$folder"
  for name in gcc cc c++ g++; do
    program=$(command -v "$name") || continue
    cat >"$folder/$name" <<EOF
#!/bin/bash
for word in "\$@"; do
  case \$word in -c | -S | -E | -M | -MM | -fsyntax-only) exec $program "\$@" ${NIX_CFLAGS_COMPILE-} ;; esac
done
exec $program "\$@" ${NIX_CFLAGS_COMPILE-} $link
EOF
    chmod +x "$folder/$name"
  done
  export PATH=$folder:$PATH
}

# Programs that were compiled need their libraries wherever they go.
keepRuntime() {
  [ -n "${debianRuntime-}" ] || return 0
  local output file magic
  for output in $outputs; do
    [ -d "${!output}" ] || continue
    while IFS= read -r -d '' file; do
      LC_ALL=C IFS= read -r -d '' -n 4 magic <"$file" || true
      if [ "$magic" = $'\x7fELF' ]; then
        mkdir -p "${!output}/nix-support"
        echo "$debianRuntime" >"${!output}/nix-support/trimaran-runtime"
        break
      fi
    done < <(find "${!output}" -type f -print0)
  done
}

# Runs a phase that may be a function, or text in a variable of that name.
runPhase() {
  local phase=$1
  case $phase in
    unpackPhase) [ -z "${dontUnpack-}" ] || return 0 ;;
    patchPhase) [ -z "${dontPatch-}" ] || return 0 ;;
    configurePhase) [ -z "${dontConfigure-}" ] || return 0 ;;
    buildPhase) [ -z "${dontBuild-}" ] || return 0 ;;
    checkPhase) [ -n "${doCheck-}" ] || return 0 ;;
    installPhase) [ -z "${dontInstall-}" ] || return 0 ;;
    fixupPhase) [ -z "${dontFixup-}" ] || return 0 ;;
    installCheckPhase) [ -n "${doInstallCheck-}" ] || return 0 ;;
  esac
  echo "Running phase: $phase"
  if [ -n "${!phase-}" ]; then eval "${!phase}"; else "$phase"; fi
}

installCheckPhase() {
  runHook preInstallCheck
  runHook postInstallCheck
}

genericBuild() {
  # What nixpkgs' derivations may ask for by name.
  local phase
  wrapCompilers
  for phase in ${phases:-${prePhases-} unpackPhase patchPhase ${preConfigurePhases-} configurePhase ${preBuildPhases-} buildPhase checkPhase ${preInstallPhases-} installPhase ${preFixupPhases-} fixupPhase installCheckPhase ${postPhases-}}; do
    runPhase "$phase"
  done
  keepRuntime
}
