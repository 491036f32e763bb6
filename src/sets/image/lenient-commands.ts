// Commands as recipes of nixpkgs expect them: there an image is empty at first, here a package or the root itself has made
// users, folders and links already. Making them again is no failure. Shell functions of bash take the programs' names.

/**
 * A script whose `mkdir` does not fail at folders that are there; in the root of an `image` nor do `ln`, `groupadd` and
 * `useradd` where they would make what packages have, unless the recipe wants another number. That goes for programs named by
 * their store paths, too.
 */
export function lenientCommands(script: string, { root }: { readonly root: 'folder' | 'image' }): string {
  const names = root === 'image' ? ['mkdir', 'ln', 'groupadd', 'useradd'] : ['mkdir'];
  const programs = new RegExp(String.raw`/nix/store/[\w.+-]+/s?bin/(${names.join('|')})(?![\w.-])`, 'g');
  const byPath = [...new Map([...script.matchAll(programs)].map(([path, name]) => [path, name!]))];
  return [
    operands,
    folders,
    ...(root === 'image' ? [accounts, links] : []),
    ...byPath.map(([path, name]) => `function ${path} { ${name} "$@"; }\n`),
    script,
  ].join('');
}

/** `_operands LETTERS LONG… -- WORD…`: words that are no options, nor values of options of these names. */
const operands = `
_operands() {
  local letters=$1 long=' ' word
  shift
  while [ "$1" != -- ]; do long+="$1 "; shift; done
  shift
  operands=()
  while [ $# -gt 0 ]; do
    word=$1
    shift
    case $word in
      --) operands+=("$@"); return 0 ;;
      --*=*) ;;
      --*) if [[ $long == *" \${word#--} "* ]] && [ $# -gt 0 ]; then shift; fi ;;
      -?*)
        # Of letters in one word the first that takes a value has the rest of the word, or the next one.
        if [[ \${word#-} =~ ^[^$letters]*[$letters]$ ]] && [ $# -gt 0 ]; then shift; fi
        ;;
      *) operands+=("$word") ;;
    esac
  done
}
# _option SHORT LONG WORD…: the value that an option has, if any.
_option() {
  local short=$1 long=$2 wanted=
  shift 2
  while [ $# -gt 0 ]; do
    case $1 in
      "-$short" | "--$long") wanted=\${2-} ;;
      "--$long="*) wanted=\${1#*=} ;;
      "-$short"?*) wanted=\${1#"-$short"} ;;
      -[a-zA-Z]*"$short") case $1 in --*) ;; *) wanted=\${2-} ;; esac ;;
    esac
    shift
  done
  echo "$wanted"
}
`;

const folders = `
mkdir() {
  local mode word parents= present= operands
  _operands m mode context -- "$@"
  mode=$(_option m mode "$@")
  for word in "$@"; do
    case $word in -p | --parents | -[a-z]*p | -p[a-z]*) parents=yes ;; esac
  done
  for word in "\${operands[@]}"; do if [ -d "$word" ]; then present=yes; fi; done
  if [ -n "$parents" ] || [ -z "$present" ]; then command mkdir "$@"; return; fi
  command mkdir -p "\${operands[@]}"
  if [ -n "$mode" ]; then chmod "$mode" "\${operands[@]}"; fi
}
`;

const accounts = `
_has_account() {
  local file=$1 kind=$2 name=$3 wanted=$4 line number
  line=$(grep -s "^$name:" "$file") || return 1
  number=$(echo "$line" | cut -d: -f3)
  if [ -n "$wanted" ] && [ "$wanted" != "$number" ]; then return 1; fi
  echo "the $kind $name, number $number, is there already" >&2
}
groupadd() {
  local operands
  _operands gKpRPU gid key password root prefix users -- "$@"
  _has_account /etc/group group "\${operands[0]-}" "$(_option g gid "$@")" || command groupadd "$@"
}
useradd() {
  local operands name home word
  _operands bcdefgGkKpRPsuZ base-dir comment home-dir expiredate inactive gid groups skel key password root prefix shell uid \\
    selinux-user -- "$@"
  name=\${operands[0]-}
  if ! _has_account /etc/passwd user "$name" "$(_option u uid "$@")"; then command useradd "$@"; return; fi
  # The user that a package made lives where the recipe says.
  home=$(_option d home-dir "$@")
  for word in "$@"; do
    case $word in --create-home | -m | -[a-zA-Z]*m)
      home=\${home:-/home/$name}
      command mkdir -p "$home"
      chown "$name:" "$home"
      ;;
    esac
  done
  if [ -n "$home" ]; then sed -i -E "s|^($name(:[^:]*){4}):[^:]*|\\1:$home|" /etc/passwd; fi
}
`;

const links = `
ln() {
  local word operands place
  for word in "$@"; do
    case $word in --force | --interactive | --backup* | --target-directory* | -t* | -[a-zA-Z]*[fibtT]* | -[fibT]*) command ln "$@"; return ;; esac
  done
  _operands S suffix -- "$@"
  place=\${operands[1]-}
  if [ "\${#operands[@]}" != 2 ] || [ -d "$place" ] || { [ ! -e "$place" ] && [ ! -L "$place" ]; }; then
    command ln "$@"
  elif [ "\${operands[0]}" -ef "$place" ]; then
    echo "$place is \${operands[0]} already" >&2
  else
    case $(cd "$(dirname "$place")" && pwd)/ in
      /bin/* | /sbin/* | /lib*/* | /usr/* | /etc/*)
        echo "$place becomes \${operands[0]}" >&2
        command ln -f "$@"
        ;;
      *) command ln "$@" ;;
    esac
  fi
}
`;
