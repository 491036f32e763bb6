// Packages that others take for granted. A Debian package need not say that it uses an essential one (policy 3.8), so
// dependencies alone leave those out of an image. Most are programs, which a recipe can name; libc-bin is not: libc6 looks
// for the locale C.UTF-8 in it, which perl and PostgreSQL ask for by `LANG`, and for the list of folders that have libraries;
// python's `ctypes.util.find_library` asks its ldconfig. Django's administration has links to files of jQuery, without which
// `collectstatic` fails, and recommends the package. Programs that people name alone, and that are shell scripts or ask env(1) for
// their interpreter, bring what they run.

/** By package, what goes wherever it goes if the archive has it. */
const companions: Readonly<Record<string, readonly string[]>> = {
  libc6: ['libc-bin'],
  'python3-django': ['libjs-jquery'],
  celery: ['dash'],
  chromium: ['dash', 'coreutils', 'grep', 'sed'],
  prosody: ['coreutils'],
  'rabbitmq-server': ['dash', 'coreutils', 'grep', 'sed', 'util-linux'],
  xvfb: ['dash', 'coreutils', 'grep', 'mawk', 'sed'],
};

/** Names of the packages that come along with one although it does not ask for them. */
export function companionsOf(name: string): readonly string[] {
  return Object.hasOwn(companions, name) ? companions[name]! : [];
}
